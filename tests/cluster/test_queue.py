import os
import signal
import struct
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image
from ray.cluster_utils import Cluster

from raythumbs.model.job import INCOMPLETE, State
from tests.cluster.conftest import (
    SHARE_BYTES,
    SMALL_NODE,
    QuietCluster,
    StartQueue,
    eventually,
    family,
    holds_photo,
    sandboxes,
    title,
)
from tests.cluster.quiet_nodes import SILENT_AGENTS


def killed(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)


def sandbox_at_work() -> psutil.Process:
    """A sandbox that renders a photo. Others may wait, or belong to a queue that has just ended."""
    found: list[psutil.Process] = []
    eventually(lambda: found.extend(filter(holds_photo, sandboxes())) or found)
    return found[0]


def worker() -> psutil.Process:
    """The Ray worker of a sandbox that renders a photo."""
    parent = sandbox_at_work().parent()
    assert parent is not None
    return parent


def test_photos_become_thumbnails_in_tasks_of_ray(shared: StartQueue, photos: list[Path]):
    queue = shared()
    earlier = queue.thumbnails()

    jobs = queue.ended(queue.submit(photos[:6]))

    assert {(job.state, job.attempt, job.losses) for job in jobs} == {(State.SUCCEEDED, 1, 0)}
    thumbnails = queue.thumbnails() - earlier
    assert len(thumbnails) == 6
    for thumbnail in thumbnails:
        with Image.open(thumbnail) as picture:
            assert max(picture.size) == 300


def test_never_more_slots_are_in_use_than_there_are(shared: StartQueue, photos: list[Path]):
    queue = shared()
    jobs = queue.submit(photos)
    seen = []

    def have_ended() -> bool:
        seen.append((queue.status().busy, len([child for child in sandboxes() if holds_photo(child)])))
        return not any(queue.job(job).state in INCOMPLETE for job in jobs[-2:])

    eventually(have_ended)
    queue.ended(jobs)
    assert max(busy for busy, _ in seen) == 2 == queue.status().total
    assert 1 <= max(rendering for _, rendering in seen) <= 2


def test_a_bad_photo_fails_alone(shared: StartQueue, photos: list[Path], tmp_path: Path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(photos[0].read_bytes()[:100_000])
    queue = shared()

    *good, last = queue.ended(queue.submit([*photos[:4], bad]))

    assert {job.state for job in good} == {State.SUCCEEDED}
    assert (last.state, last.code) == (State.FAILED, "truncated")


def test_a_photo_too_large_for_a_workers_share_is_rendered_in_the_lane_of_the_large(
    shared: StartQueue, photos: list[Path], tmp_path: Path
):
    large = tmp_path / "large.tiff"
    Image.new("RGB", (1200, 1200)).save(large)  # 11.5 MB as pixels, where a JPEG is decoded at a quarter of its sides
    queue = shared()
    assert queue.settings.worker_decode_bytes == SHARE_BYTES

    jobs = queue.ended(queue.submit([*photos[:3], large]))

    assert [(job.state, job.attempt, job.errors) for job in jobs] == [(State.SUCCEEDED, 1, 0)] * 4


def test_a_photo_too_large_for_every_node_is_refused_with_the_figure(shared: StartQueue, tmp_path: Path):
    huge = tmp_path / "huge.tiff"
    huge.write_bytes(white_tiff(40_000))
    queue = shared()

    (job,) = queue.ended(queue.submit([huge]))

    assert (job.state, job.code) == (State.FAILED, "too_large")
    assert "40000x40000 pixels and their thumbnails need" in (job.reason or "")


def white_tiff(side: int) -> bytes:
    """A white square, whose strips of 16 rows are all the same bytes of the file."""
    strip = b"\xff" * 2  # of T.6: each row is as the row above
    strips = side // 16
    data = 8 + 2 + 8 * 12 + 4
    long, short = 4, 3
    tags = [
        (256, long, 1, side), (257, long, 1, side), (258, short, 1, 1), (259, short, 1, 4), (262, short, 1, 0),
        (273, long, strips, data), (278, long, 1, 16), (279, long, strips, data + 4 * strips),
    ]  # fmt: skip
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    offsets = struct.pack("<I", data + 8 * strips) * strips
    return head + bytes(4) + offsets + struct.pack("<I", len(strip)) * strips + strip


def test_a_killed_decoder_costs_its_photo_one_crash(shared: StartQueue, photos: list[Path]):
    queue = shared()
    jobs = queue.submit(photos)
    queue.at_work()

    killed(sandbox_at_work())

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) <= 1


@pytest.mark.needs("time")
def test_a_killed_worker_loses_no_photo_and_no_innocent_pays(shared: StartQueue, photos: list[Path]):
    queue = shared()
    jobs = queue.submit(photos)
    queue.at_work()

    killed(worker())

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) == 0
    assert max(job.losses for job in ended) <= 1


@pytest.mark.needs("time")
def test_slots_follow_nodes_and_a_lost_node_costs_no_photo_an_attempt(
    cluster: Cluster, shared: StartQueue, photos: list[Path]
):
    queue = shared()
    node = cluster.add_node(**SMALL_NODE)
    eventually(lambda: queue.status().total == 3)
    jobs = queue.submit(photos)
    eventually(lambda: queue.status().busy == 3)

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
    cluster: QuietCluster, shared: StartQueue, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for replaced in SILENT_AGENTS:  # a fork server is of the package
        monkeypatch.setattr(*replaced)
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_THE_PACKAGE)
    queue = shared()
    node = super(QuietCluster, cluster).add_node(**SMALL_NODE, env_vars={"PYTHONPATH": str(tmp_path)})
    eventually(lambda: [node.trouble for node in queue.status().nodes if node.trouble])

    jobs = queue.ended(queue.submit(photos[:10]))

    assert {(job.state, job.attempt, job.crashes, job.losses) for job in jobs} == {(State.SUCCEEDED, 1, 0, 0)}
    (trouble,) = [node.trouble for node in queue.status().nodes if node.trouble]
    assert trouble.endswith(": ModuleNotFoundError: No module named 'raythumbs'")
    cluster.remove_node(node)
    eventually(lambda: len(queue.status().nodes) == 1)


def test_a_killed_queue_takes_up_its_work_where_it_was(shared: StartQueue, photos: list[Path]):
    queue = shared()
    jobs = queue.submit(photos)
    queue.at_work()
    before = queue.pid

    os.kill(before, signal.SIGKILL)

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert queue.pid != before


@pytest.mark.needs("time")
def test_a_queue_with_other_settings_takes_the_place_of_the_old_one(shared: StartQueue, photos: list[Path]):
    old = shared()
    jobs = old.submit(photos)
    old.at_work()

    new = shared(job_timeout_seconds=3)  # which the next tests need

    assert new.settings.identity != old.settings.identity
    assert {job.state for job in new.ended(jobs)} == {State.SUCCEEDED}


def test_a_hung_decoder_is_stopped_and_only_its_photo_pays(shared: StartQueue, photos: list[Path]):
    queue = shared(job_timeout_seconds=3)
    jobs = queue.submit(photos)
    queue.at_work()

    hung = sandbox_at_work()
    os.kill(hung.pid, signal.SIGSTOP)

    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) <= 1
    assert not hung.is_running()


@pytest.mark.needs("time")
def test_a_worker_that_is_held_still_loses_its_photos_and_changes_nothing_when_it_goes_on(
    shared: StartQueue, photos: list[Path]
):
    queue = shared(job_timeout_seconds=3)
    jobs = queue.submit(photos[:12])
    queue.at_work()

    held = worker()
    os.kill(held.pid, signal.SIGSTOP)
    ended = queue.ended(jobs)
    with suppress(psutil.NoSuchProcess):  # on a busy machine, Ray may have ended it by now
        held.resume()

    eventually(lambda: not held.is_running())
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) <= 1
    assert [queue.job(job.id) for job in ended] == ended


@pytest.mark.needs("time")
def test_a_photo_that_kills_every_worker_ends_as_failed_with_a_reason(shared: StartQueue, photos: list[Path]):
    queue = shared(max_crashes=1, use_parallel_thumbnails=False)
    (job,) = queue.submit(photos[:1])

    def has_ended() -> bool:
        for process in family():
            if "ray::render" in title(process):
                killed(process)
        return queue.job(job).state not in INCOMPLETE

    eventually(has_ended, every=0.05)  # less than a worker takes to start its sandbox

    ended = queue.job(job)
    assert (ended.state, ended.code) == (State.FAILED, "poison")
    assert "crashed" in (ended.reason or "")


@pytest.mark.needs("time")
def test_without_parallel_thumbnails_there_is_one_slot_in_all(shared: StartQueue, photos: list[Path]):
    queue = shared(max_crashes=1, use_parallel_thumbnails=False)

    jobs = queue.ended(queue.submit(photos[:6]))

    assert queue.status().total == 1
    assert {job.state for job in jobs} == {State.SUCCEEDED}


@pytest.mark.needs("time")
def test_a_node_that_cannot_make_a_client_of_the_store_costs_no_photo_an_attempt_and_is_named(
    cluster: Cluster, start: StartQueue, photos: list[Path], s3_endpoint: str, s3_bucket: str
):
    queue = start(s3_endpoint_url=s3_endpoint, thumbnails_store=f"s3://{s3_bucket}")
    node = cluster.add_node(**SMALL_NODE, env_vars={"AWS_PROFILE": "nobody"})
    eventually(lambda: [node.trouble for node in queue.status().nodes if node.trouble])

    jobs = queue.ended(queue.submit(photos[:10]))

    assert {(job.state, job.attempt, job.crashes, job.losses) for job in jobs} == {(State.SUCCEEDED, 1, 0, 0)}
    (trouble,) = [node.trouble for node in queue.status().nodes if node.trouble]
    assert "(nobody) could not be found" in trouble
    cluster.remove_node(node)
    eventually(lambda: len(queue.status().nodes) == 1)
