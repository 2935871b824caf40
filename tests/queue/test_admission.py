"""More work is taken only while it fits."""

import asyncio
from dataclasses import dataclass

import pytest

from raythumbs.errors import DatabaseUnavailable, Overloaded
from raythumbs.model.job import State
from raythumbs.queue.admission import Admission, Bounds
from tests.queue.conftest import Batches, Cluster, at_work, eventually


async def refused(queue) -> str | None:
    try:
        await queue.verbs.admit()
    except Overloaded as error:
        return error.reason
    return None


def test_over_its_backlog_the_queue_refuses_until_some_are_done(configured):
    async def run():
        gate = asyncio.Event()
        async with at_work(configured(max_backlog=3), Batches(gate=gate), Cluster({})) as queue:
            await queue.submit(1, 2, 3, 4, 5)
            await eventually(lambda: _is_refused(queue))
            with pytest.raises(Overloaded, match="more than 3 photos wait"):
                await queue.submit(6)
            with pytest.raises(Overloaded):
                await queue.verbs.check()
            for number in (1, 2, 3):
                await queue.verbs.cancel(f"job-{number}")
            await eventually(lambda: _is_admitted(queue))
            return await queue.submit(6)

    (job,) = asyncio.run(run())

    assert job.state is State.QUEUED


async def _is_refused(queue) -> bool:
    return await refused(queue) is not None


async def _is_admitted(queue) -> bool:
    return await refused(queue) is None


def test_a_backlog_is_counted_when_it_could_be_over_its_limit_or_after_a_while(configured, tmp_path, clock):
    async def run():
        record = CountedRecord(backlog=2)
        bounds = Bounds(max_backlog=5, min_free_disk_bytes=0, min_free_memory_bytes=0)
        admission = Admission(record, bounds, folders=(), clock=lambda: clock.now)
        counts = []
        for took, seconds in ((0, 0), (2, 1), (2, 1), (0, 1), (0, 5), (0, 10)):
            clock.advance(seconds=seconds)
            admission.took(took)
            await admission.run_once()
            admission.check()
            counts.append(record.counts)
        record.backlog = 9
        admission.took(4)
        await admission.run_once()
        with pytest.raises(Overloaded):
            admission.check()
        return counts

    # at first; 2 that waited and 2 more are no more than 5; but 2 more could be; then it is known again; and after 10 s
    assert asyncio.run(run()) == [1, 1, 2, 2, 2, 3]


def test_a_count_that_failed_is_made_again(clock):
    async def run():
        record = CountedRecord(backlog=9, error=DatabaseUnavailable("away"))
        bounds = Bounds(max_backlog=5, min_free_disk_bytes=0, min_free_memory_bytes=0)
        admission = Admission(record, bounds, folders=(), clock=lambda: clock.now)
        with pytest.raises(DatabaseUnavailable):
            await admission.run_once()
        record.error = None
        await admission.run_once()
        with pytest.raises(Overloaded):
            admission.check()

    asyncio.run(run())


@dataclass
class CountedRecord:
    """A record that has a backlog, and knows how often it was counted."""

    backlog: int
    error: Exception | None = None
    counts: int = 0

    async def read(self, _read) -> int:
        if self.error:
            raise self.error
        self.counts += 1
        return self.backlog


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("min_free_disk_bytes", r"has [\d,]+\.\d MiB of disk space free; uploads need [\d,]+\.\d MiB to be free"),
        ("min_free_memory_bytes", r"has [\d,]+\.\d MiB of memory free; uploads need [\d,]+\.\d MiB to be free"),
    ],
)
def test_with_a_full_disk_or_memory_nothing_is_taken_and_what_waits_goes_on(configured, setting, told):
    async def before():
        async with at_work(configured(), Batches(), Cluster({})) as queue:
            await queue.submit(1)

    async def run():
        async with at_work(configured(**{setting: 1 << 60}), Batches()) as queue:
            with pytest.raises(Overloaded, match=told):
                await queue.submit(2)
            return await queue.ended(1)

    asyncio.run(before())
    (job,) = asyncio.run(run())

    assert job.state is State.SUCCEEDED


def test_a_folder_that_is_not_yet_made_is_on_the_disk_of_the_one_above_it(configured, tmp_path):
    async def run():
        settings = configured(store=f"file://{tmp_path}/not/yet/there")
        async with at_work(settings, Batches()) as queue:
            await queue.verbs.admit()

    asyncio.run(run())
