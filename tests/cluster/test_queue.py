import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image
from ray.cluster_utils import Cluster

from raythumbs.model.job import State
from tests.cluster.conftest import NODE, StartQueue, eventually, family, holds_photo, sandboxes, title


def killed(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)


def worker() -> psutil.Process:
    """The Ray worker that a sandbox belongs to."""
    parent = sandboxes()[0].parent()
    assert parent is not None
    return parent


def test_photos_become_thumbnails_in_tasks_of_ray(start: StartQueue, photos: list[Path]):
    queue = start()

    jobs = queue.ended(queue.submit(photos[:6]))

    assert {(job.state, job.attempt, job.losses) for job in jobs} == {(State.SUCCEEDED, 1, 0)}
    thumbnails = list(Path(queue.settings.data_dir).rglob("thumbnail.jpg"))
    assert len(thumbnails) == 6
    for thumbnail in thumbnails:
        with Image.open(thumbnail) as picture:
            assert max(picture.size) == 300


def test_never_more_slots_are_in_use_than_there_are(start: StartQueue, photos: list[Path]):
    queue = start()
    jobs = queue.submit(photos)

    seen = []
    while any(queue.job(job).state in {State.QUEUED, State.RUNNING} for job in jobs[-2:]):
        seen.append((queue.status().busy, len([child for child in sandboxes() if holds_photo(child)])))

    assert max(busy for busy, _ in seen) == 2 == queue.status().total
    assert 1 <= max(rendering for _, rendering in seen) <= 2


@pytest.mark.needs("time")
def test_without_parallel_thumbnails_there_is_one_slot_in_all(start: StartQueue, photos: list[Path]):
    queue = start(use_parallel_thumbnails=False)

    jobs = queue.ended(queue.submit(photos[:6]))

    assert queue.status().total == 1
    assert {job.state for job in jobs} == {State.SUCCEEDED}


def test_a_hung_decoder_is_stopped_and_only_its_photo_pays(start: StartQueue, photos: list[Path]):
    queue = start(job_timeout_seconds=3)
    jobs = queue.submit(photos)
    queue.at_work()

    hung = sandboxes()[0]
    os.kill(hung.pid, signal.SIGSTOP)

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) <= 1
    assert not hung.is_running()


@pytest.mark.needs("time")
def test_a_killed_worker_loses_no_photo_and_no_innocent_pays(start: StartQueue, photos: list[Path]):
    queue = start()
    jobs = queue.submit(photos)
    queue.at_work()

    killed(worker())

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) == 0
    assert max(job.losses for job in ended) <= 1


@pytest.mark.needs("time")
def test_a_worker_that_is_held_still_loses_its_photos_and_changes_nothing_when_it_goes_on(
    start: StartQueue, photos: list[Path]
):
    queue = start(job_timeout_seconds=3)
    jobs = queue.submit(photos[:12])
    queue.at_work()

    held = worker()
    os.kill(held.pid, signal.SIGSTOP)
    ended = queue.ended(jobs)
    os.kill(held.pid, signal.SIGCONT)

    eventually(lambda: not held.is_running())
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) <= 1
    assert [queue.job(job.id) for job in ended] == ended


def test_a_killed_decoder_costs_its_photo_one_crash(start: StartQueue, photos: list[Path]):
    queue = start()
    jobs = queue.submit(photos)
    queue.at_work()

    killed(sandboxes()[0])

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) <= 1


def test_a_killed_queue_takes_up_its_work_where_it_was(start: StartQueue, photos: list[Path]):
    queue = start()
    jobs = queue.submit(photos)
    queue.at_work()
    before = queue.pid

    os.kill(before, signal.SIGKILL)

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert queue.pid != before


@pytest.mark.needs("time")
def test_a_queue_with_other_settings_takes_the_place_of_the_old_one(start: StartQueue, photos: list[Path]):
    old = start()
    jobs = old.submit(photos)
    old.at_work()

    new = start(max_errors=7)

    assert new.settings.identity != old.settings.identity
    assert {job.state for job in new.ended(jobs)} == {State.SUCCEEDED}


@pytest.mark.needs("time")
def test_slots_follow_nodes_and_a_lost_node_costs_no_photo_an_attempt(
    cluster: Cluster, start: StartQueue, photos: list[Path]
):
    queue = start()
    node = cluster.add_node(**NODE)
    eventually(lambda: queue.status().total == 4)
    jobs = queue.submit(photos)
    eventually(lambda: queue.status().busy == 4)

    cluster.remove_node(node, allow_graceful=False)

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes + job.losses for job in ended) == 0
    eventually(lambda: queue.status().total == 2)


WITHOUT_THE_PACKAGE = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "raythumbs":
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Nothing())
"""


@pytest.mark.needs("time")
def test_a_node_without_the_package_costs_no_photo_an_attempt_and_is_named(
    cluster: Cluster, start: StartQueue, photos: list[Path], tmp_path: Path
):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_THE_PACKAGE)
    queue = start()
    node = cluster.add_node(**NODE, env_vars={"PYTHONPATH": str(tmp_path)})
    eventually(lambda: [node.trouble for node in queue.status().nodes if node.trouble])

    jobs = queue.ended(queue.submit(photos[:10]))

    assert {(job.state, job.attempt, job.crashes, job.losses) for job in jobs} == {(State.SUCCEEDED, 1, 0, 0)}
    (trouble,) = [node.trouble for node in queue.status().nodes if node.trouble]
    assert trouble.endswith(": ModuleNotFoundError: No module named 'raythumbs'")
    cluster.remove_node(node)
    eventually(lambda: len(queue.status().nodes) == 1)


@pytest.mark.needs("time")
def test_a_node_that_cannot_make_a_client_of_the_store_costs_no_photo_an_attempt_and_is_named(
    cluster: Cluster, start: StartQueue, photos: list[Path], s3_endpoint: str, s3_bucket: str
):
    queue = start(s3_endpoint_url=s3_endpoint, thumbnails_store=f"s3://{s3_bucket}")
    node = cluster.add_node(**NODE, env_vars={"AWS_PROFILE": "nobody"})
    eventually(lambda: [node.trouble for node in queue.status().nodes if node.trouble])

    jobs = queue.ended(queue.submit(photos[:10]))

    assert {(job.state, job.attempt, job.crashes, job.losses) for job in jobs} == {(State.SUCCEEDED, 1, 0, 0)}
    (trouble,) = [node.trouble for node in queue.status().nodes if node.trouble]
    assert "(nobody) could not be found" in trouble
    cluster.remove_node(node)
    eventually(lambda: len(queue.status().nodes) == 1)


def test_a_bad_photo_fails_alone(start: StartQueue, photos: list[Path], tmp_path: Path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(photos[0].read_bytes()[:100_000])
    queue = start()

    *good, last = queue.ended(queue.submit([*photos[:4], bad]))

    assert {job.state for job in good} == {State.SUCCEEDED}
    assert (last.state, last.code) == (State.FAILED, "truncated")


def test_a_photo_too_large_for_a_workers_share_is_rendered_in_the_lane_of_the_large(
    start: StartQueue, photos: list[Path], tmp_path: Path
):
    large = tmp_path / "large.tiff"
    Image.new("RGB", (1200, 1200)).save(large)  # 11.5 MB as pixels, where a JPEG is decoded at a quarter of its sides
    queue = start(worker_decode_bytes=5 * 1024 * 1024)

    jobs = queue.ended(queue.submit([*photos[:3], large]))

    assert [(job.state, job.attempt, job.errors) for job in jobs] == [(State.SUCCEEDED, 1, 0)] * 4


def test_a_photo_too_large_for_every_node_is_refused_with_the_figure(start: StartQueue, tmp_path: Path):
    huge = tmp_path / "huge.tiff"
    Image.new("1", (40_000, 40_000)).save(huge, compression="group4")
    queue = start()

    (job,) = queue.ended(queue.submit([huge]))

    assert (job.state, job.code) == (State.FAILED, "too_large")
    assert "40000x40000 pixels and their thumbnails need" in (job.reason or "")


@pytest.mark.needs("time")
def test_a_photo_that_kills_every_worker_ends_as_failed_with_a_reason(start: StartQueue, photos: list[Path]):
    queue = start(max_crashes=1)
    (job,) = queue.submit(photos[:1])

    kill_while(lambda: queue.job(job).state in {State.QUEUED, State.RUNNING})

    ended = queue.job(job)
    assert (ended.state, ended.code) == (State.FAILED, "poison")
    assert "crashed" in (ended.reason or "")


def kill_while(going_on: Callable[[], bool]) -> None:
    while going_on():
        for process in family():
            if "ray::render" in title(process):
                killed(process)
