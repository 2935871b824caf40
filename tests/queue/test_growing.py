"""Batches that ask for more: what the queue gives them, and when it gives nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

from raythumbs.cluster.nodes import Node
from raythumbs.model.job import Priority, State
from raythumbs.model.lease import Lease, Report
from raythumbs.queue.batch import Batch, TaskLost
from raythumbs.queue.outcomes import TOGETHER
from raythumbs.queue.thumbnail_queue import ThumbnailQueue
from raythumbs.worker.pipeline import Reports
from tests.queue.conftest import Batches, Cluster, a_success, at_work, eventually

ONE_SLOT = {"n": Node("n", cpus=1)}


@dataclass
class Growing:
    """Runs batches that stay until a test lets them go; meanwhile it asks on their behalf."""

    taken: dict[int, list[Lease]] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    end: Callable[[Batch], BaseException | None] = lambda _batch: None

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        if not batch.leases:
            return
        self.batches.append(batch)
        self.taken[batch.ticket] = list(batch.leases)
        yield ()
        await self.go.wait()
        if error := self.end(batch):
            raise error
        yield tuple(Report(lease, a_success(), seconds=0.01) for lease in self.taken[batch.ticket])

    async def ask(self, queue: ThumbnailQueue, room: int) -> list[str]:
        ticket = self.batches[-1].ticket
        leases = await queue.more(ticket, room)
        self.taken[ticket] += leases
        return [lease.job_id for lease in leases]

    async def begun(self, count: int = 1) -> bool:
        return len(self.batches) >= count


def test_a_batch_that_asks_is_given_what_waits_the_most_urgent_first(configured):
    async def run():
        batches = Growing()
        async with at_work(configured(), batches, Cluster(ONE_SLOT)) as queue:
            await queue.submit(1)
            await eventually(batches.begun)
            await queue.submit(2, 3, priority=Priority.LOW)
            await queue.submit(4, priority=Priority.HIGH)

            given = [await batches.ask(queue.verbs, room=1) for _ in range(4)]
            batches.go.set()
            return given, await queue.ended(1, 2, 3, 4), len(batches.batches)

    given, jobs, batches = asyncio.run(run())

    assert given == [["job-4"], ["job-2"], ["job-3"], []]
    assert {(job.state, job.attempt) for job in jobs} == {(State.SUCCEEDED, 1)}
    assert batches == 1


def test_what_waits_is_given_in_ever_smaller_helpings_so_that_every_slot_has_some(configured):
    async def run():
        batches = Growing()
        async with at_work(configured(), batches, Cluster(ONE_SLOT)) as queue:
            await queue.submit(0)
            await eventually(batches.begun)
            await queue.submit(*range(1, 21))

            helpings = [len(await batches.ask(queue.verbs, room=8)) for _ in range(6)]
            batches.go.set()
            await queue.ended(*range(21))
            return helpings

    assert asyncio.run(run()) == [8, 6, 3, 2, 1, 0]


def test_of_photos_that_take_little_time_several_are_given_also_at_the_end(configured):
    async def run():
        batches = Growing()
        async with at_work(configured(), batches, Cluster(ONE_SLOT)) as queue:
            batches.go.set()
            await queue.submit(*range(200))  # which tell that a photo takes 0.01 s
            await queue.ended(*range(200))
            batches.go.clear()
            already = len(batches.batches)

            async def another() -> bool:
                return len(batches.batches) > already

            await queue.submit(200)
            await eventually(another)
            await queue.submit(*range(201, 213))
            helpings = [len(await batches.ask(queue.verbs, room=8)) for _ in range(4)]
            batches.go.set()
            await queue.ended(*range(200, 213))
            return helpings

    assert asyncio.run(run()) == [6, 5, 1, 0]


def test_batches_that_ask_at_one_time_are_each_given_their_own(configured):
    async def run():
        batches = Growing()
        async with at_work(configured(), batches, Cluster({"n": Node("n", cpus=3)})) as queue:
            await queue.submit(*range(3))
            await eventually(partial(batches.begun, 3))
            await queue.submit(*range(3, 63))
            tickets = [batch.ticket for batch in batches.batches]

            helpings = await asyncio.gather(*(queue.verbs.more(ticket, room=4) for ticket in tickets))
            for ticket, leases in zip(tickets, helpings, strict=True):
                batches.taken[ticket] += leases
            batches.go.set()
            return [[lease.job_id for lease in leases] for leases in helpings], await queue.ended(*range(63))

    helpings, jobs = asyncio.run(run())

    assert [len(helping) for helping in helpings] == [4, 4, 4]
    assert len({job_id for helping in helpings for job_id in helping}) == 12
    assert {(job.state, job.attempt) for job in jobs} == {(State.SUCCEEDED, 1)}


def test_what_many_batches_ask_for_at_one_time_is_leased_in_writes_no_larger_than_those_of_what_ends(configured):
    async def run():
        batches = Growing()
        async with at_work(configured(), batches, Cluster({"n": Node("n", cpus=4)})) as queue:
            await queue.submit(*range(4))
            await eventually(partial(batches.begun, 4))
            await queue.submit(*range(4, 1200))
            tickets = [batch.ticket for batch in batches.batches]

            helpings = await asyncio.gather(*(queue.verbs.more(ticket, room=100) for ticket in tickets))
            batches.go.set()
            return [lease for leases in helpings for lease in leases]

    leases = asyncio.run(run())
    a_write = Counter(lease.until for lease in leases)  # the database's time when they were leased, and a constant

    assert len(leases) == 400
    assert max(a_write.values()) <= TOGETHER


def test_a_success_that_the_database_refuses_spoils_none_of_those_written_with_it(configured):
    refused = replace(a_success(), picture=replace(a_success().picture, width=1 << 70))

    async def run():
        batches = Batches(lambda lease: refused if lease.job_id == "job-1" else a_success())
        async with at_work(configured(max_errors=1), batches, Cluster({"n": Node("n", cpus=4)})) as queue:
            await queue.submit(*range(4))
            return await queue.ended(*range(4))

    states = [job.state for job in asyncio.run(run())]

    assert states == [State.SUCCEEDED, State.FAILED, State.SUCCEEDED, State.SUCCEEDED]


def test_a_batch_on_a_slot_that_is_no_more_is_given_nothing(configured):
    async def run():
        batches = Growing()
        cluster = Cluster({"n": Node("n", cpus=1)})
        async with at_work(configured(), batches, cluster) as queue:
            await queue.submit(1)
            await eventually(batches.begun)
            await queue.submit(2)
            cluster.nodes = {"other": Node("other", cpus=1)}

            async def moved() -> bool:
                return len(batches.batches) == 2  # what waited has gone to the other node

            await eventually(moved)
            await queue.submit(3)
            given = await queue.verbs.more(batches.batches[0].ticket, 5)
            batches.go.set()
            return given

    assert asyncio.run(run()) == []


def test_a_queue_that_drains_gives_nothing(configured):
    async def run():
        batches = Growing()
        async with at_work(configured(), batches, Cluster(ONE_SLOT), drained=False) as queue:
            await queue.submit(1)
            await eventually(batches.begun)
            await queue.submit(2)
            draining = asyncio.create_task(queue.verbs.drain())

            async def drains() -> bool:
                return (await queue.verbs.status()).draining

            await eventually(drains)
            given = await batches.ask(queue.verbs, room=5)
            batches.go.set()
            await draining
            return given

    assert asyncio.run(run()) == []


def test_nobody_joins_a_photo_whose_batch_was_lost_before(configured):
    async def run():
        lost = [TaskLost("the worker died")]
        batches = Growing(end=lambda _batch: lost.pop() if lost else None)
        batches.go.set()
        async with at_work(configured(), batches, Cluster(ONE_SLOT)) as queue:
            await queue.submit(1, 2)
            await eventually(lambda: _is_tried_alone(batches))
            batches.go.clear()
            return await queue.verbs.more(batches.batches[1].ticket, 5), await _let_go(queue, batches)

    given, jobs = asyncio.run(run())

    assert given == []
    assert {job.state for job in jobs} == {State.SUCCEEDED}


async def _is_tried_alone(batches: Growing) -> bool:
    return len(batches.batches) > 1


async def _let_go(queue, batches):
    batches.go.set()
    return await queue.ended(1, 2)


def test_what_was_given_to_a_batch_that_is_lost_is_tried_again_alone(configured):
    async def run():
        lost = [TaskLost("the worker died")]
        batches = Growing(end=lambda _batch: lost.pop() if lost else None)
        async with at_work(configured(), batches, Cluster(ONE_SLOT)) as queue:
            await queue.submit(1)
            await eventually(batches.begun)
            await queue.submit(2)
            await batches.ask(queue.verbs, room=2)
            batches.go.set()
            return await queue.ended(1, 2), batches.batches

    jobs, batches = asyncio.run(run())

    assert {(job.state, job.losses, job.crashes) for job in jobs} == {(State.SUCCEEDED, 1, 0)}
    assert [len(batch.leases) for batch in batches] == [1, 1, 1]


def test_a_ticket_of_a_batch_that_has_ended_is_worth_nothing(configured):
    async def run():
        batches = Growing()
        batches.go.set()
        async with at_work(configured(), batches, Cluster(ONE_SLOT)) as queue:
            await queue.submit(1)
            await queue.ended(1)
            return await queue.verbs.more(batches.batches[0].ticket, 5)

    assert asyncio.run(run()) == []


def test_photos_of_low_priority_move_however_many_urgent_ones_come(configured):
    async def run():
        batches = Growing()
        async with at_work(configured(), batches, Cluster(ONE_SLOT)) as queue:
            await queue.submit(0)
            await eventually(batches.begun)
            await queue.submit(1, 2, 3, priority=Priority.LOW)
            given = []
            for number in range(10, 50):
                await queue.submit(number, number + 100, priority=Priority.HIGH)  # more than are taken
                given += await batches.ask(queue.verbs, room=1)
            batches.go.set()
            return given

    given = asyncio.run(run())

    low = [place for place, job_id in enumerate(given) if job_id in {"job-1", "job-2", "job-3"}]
    assert len(low) == 3
    assert low[0] < 12
    assert all(later - earlier == 10 for earlier, later in pairwise(low))
