"""A worker's bench, in this process: real files, a real store, the real sandbox."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from PIL import Image

from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.job import Priority
from raythumbs.model.lease import Failed, Lease, Succeeded
from raythumbs.model.photo import RenditionSpec
from raythumbs.model.took import Stage
from raythumbs.settings import load_settings
from raythumbs.worker.pipeline import render
from raythumbs.worker.plan import Plan
from raythumbs.worker.stages import InHand, Stages
from tests.batches import no_more


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan.of(load_settings(data_dir=tmp_path, allowed_sources=("file:///",), max_photo_bytes=2_000_000))


def with_sandbox(plan: Plan) -> Stages:
    return Stages(plan, Sandbox(plan.specs, plan.limits))


@pytest.fixture
def stages(plan: Plan) -> Iterator[Stages]:
    stages = with_sandbox(plan)
    yield stages
    stages.close()


def a_lease(path: Path, number: int = 1) -> Lease:
    return Lease(
        job_id=f"job-{number}", photo_id=f"photo-{number}", attempt=1, source=f"file://{path}", version=None,
        size_bytes=None, priority=Priority.NORMAL, errors=0, timeouts=0, crashes=0, losses=0, created_at=0.0,
        started_at=0.0, until=0.0,
    )  # fmt: skip


def outcomes(stages: Stages, *paths: Path) -> dict[str, object]:
    leases = [a_lease(path, number) for number, path in enumerate(paths)]
    reports = [report for several in render(stages, leases, no_more) for report in several]
    assert sorted(report.lease.job_id for report in reports) == sorted(lease.job_id for lease in leases)
    return {Path(report.lease.source).name: report.outcome for report in reports}


def test_a_photo_becomes_a_thumbnail_under_its_key(stages, plan, photo, tmp_path):
    (outcome,) = outcomes(stages, photo).values()

    assert isinstance(outcome, Succeeded)
    (made,) = outcome.renditions
    assert made.key == plan.key(f"file://{photo}", outcome.picture.version, plan.specs[0])
    with Image.open(tmp_path / "store" / made.key) as thumbnail:
        assert thumbnail.size == (made.width, made.height)
        assert max(thumbnail.size) == 300
    assert made.url == f"http://127.0.0.1:8000/{made.key}"


def test_rendering_twice_writes_the_same_bytes_to_the_same_place(stages, photo, tmp_path):
    outcomes(stages, photo)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.jpg")}

    outcomes(stages, photo)

    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jpg")} == before


def test_bad_photos_do_not_spoil_the_others(stages, photo, tmp_path):
    words, large, gone = tmp_path / "words.jpg", tmp_path / "large.jpg", tmp_path / "gone.jpg"
    words.write_text("not a photo")
    large.write_bytes(bytes(2_000_001))

    told = outcomes(stages, words, photo, large, gone)

    codes = {name: outcome.error.code for name, outcome in told.items() if isinstance(outcome, Failed)}
    assert codes == {"words.jpg": "not_an_image", "large.jpg": "too_large", "gone.jpg": "no_such_object"}
    assert isinstance(told["photo.jpg"], Succeeded)


def test_a_batch_may_be_longer_than_what_is_fetched_ahead(stages, photo):
    leases = [a_lease(photo, number) for number in range(20)]

    reports = [report for several in render(stages, leases, no_more) for report in several]

    assert sorted(report.lease.job_id for report in reports) == sorted(lease.job_id for lease in leases)
    assert all(isinstance(report.outcome, Succeeded) for report in reports)


def test_a_decoder_that_is_killed_amid_a_photo_costs_that_photo_alone(stages, photo):
    outcomes(stages, photo)
    (decoder,) = decoders()
    decoder.suspend()
    leases = [a_lease(photo, number) for number in range(3)]

    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(
            lambda: [report.outcome for several in render(stages, leases, no_more) for report in several]
        )
        while stages._sandbox.start().photos < 2:
            time.sleep(0.001)
        decoder.kill()

    assert sorted(type(outcome).__name__ for outcome in told.result()) == ["Failed", "Succeeded", "Succeeded"]
    assert [outcome.error.code for outcome in told.result() if isinstance(outcome, Failed)] == ["crash"]


def test_a_store_that_cannot_be_written_to_is_each_photos_own_passing_error(stages, photo, tmp_path):
    (tmp_path / "store").touch()

    (outcome,) = outcomes(stages, photo).values()

    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.error.retryable) == ("store_unavailable", True)


def test_a_set_of_thumbnails_that_is_stored_in_part_is_not_told_and_the_next_try_completes_it(photo, tmp_path):
    specs = tuple(RenditionSpec(name=name, width=100, height=100) for name in ("one", "two", "three", "four"))
    plan = Plan.of(load_settings(data_dir=tmp_path, allowed_sources=("file:///",), specs=specs))
    with closing(with_sandbox(plan)) as stages:
        (complete,) = outcomes(stages, photo).values()
        third = tmp_path / "store" / complete.renditions[2].key
        third.unlink()
        third.mkdir()  # where no file can be put

        (partial,) = outcomes(stages, photo).values()
        third.rmdir()
        (again,) = outcomes(stages, photo).values()

    assert isinstance(partial, Failed)
    assert partial.error.retryable
    assert again == complete


def test_on_a_network_that_is_full_less_is_fetched_at_once_until_it_is_quick_again(stages, plan):
    slow, quick, between = plan.photo_seconds, 0.1, plan.photo_seconds / 6

    at_once = []
    for seconds in (slow, slow, between, slow, slow, slow, slow, quick, quick):
        stages.learn_of_fetch(seconds)
        at_once.append(stages.fetches_at_once)

    assert at_once == [16, 8, 8, 4, 2, 1, 1, 2, 3]


def test_a_photo_that_was_fetched_slowly_still_has_half_of_its_time_to_be_rendered(plan, photo):
    given = []

    class Noting(Sandbox):
        def give(self, _file, *, seconds, specs):  # noqa: ARG002 the sandbox has it
            given.append(seconds)

    with closing(Stages(plan, Noting(plan.specs, plan.limits))) as stages:
        for fetching_took in (0.0, 10.0, 29.0):
            fetched = stages.fetch(a_lease(photo)).result().fetched
            stages.begin(InHand(fetched, Stage(0.0, fetching_took)))
            fetched.file.close()

    assert given == [30.0, 20.0, 15.0]


def test_a_report_tells_how_long_each_stage_took_and_how_many_bytes_came_in_and_went_out(stages, photo):
    before = time.time()

    ((report,),) = (reports for reports in render(stages, [a_lease(photo)], no_more) if reports)

    took, (made,) = report.took, report.outcome.renditions
    assert (took.fetched_bytes, took.stored_bytes) == (photo.stat().st_size, made.size_bytes)
    names, began = zip(*((name, stage.began_at) for name, stage in took.stages() if stage.seconds > 0), strict=True)
    assert names == ("fetch", "decode", "encode", "store")
    assert before <= began[0] < began[1] < began[2] < began[3] <= time.time()
    assert report.seconds <= took.decode.seconds + took.encode.seconds + 1e-6 <= time.time() - before


def test_a_photo_that_cannot_be_decoded_tells_what_was_fetched_of_it(stages, tmp_path):
    (tmp_path / "words.jpg").write_text("words")

    ((report,),) = (reports for reports in render(stages, [a_lease(tmp_path / "words.jpg")], no_more) if reports)

    assert isinstance(report.outcome, Failed)
    assert [name for name, _ in report.took.stages()] == ["fetch"]
    assert (report.took.fetched_bytes, report.took.stored_bytes) == (5, 0)


def test_closing_ends_the_decoder(plan):
    stages = with_sandbox(plan)
    (decoder,) = decoders()

    stages.close()

    assert not decoder.is_running()


def decoders() -> list[psutil.Process]:
    children = psutil.Process().children()  # some of other tests may have ended, and not be waited for yet
    alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "raythumbs.imaging.sandbox_child" in child.cmdline()]
