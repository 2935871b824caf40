"""Nodes that fail what others render, and nodes that run out of memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from raythumbs.cluster.nodes import Node
from raythumbs.errors import AccessDenied, NeedsMemory, RaythumbsError
from raythumbs.model.job import Priority, State
from raythumbs.model.lease import Failed, Lease, Outcome, Report
from raythumbs.queue.batch import Batch, NodeShort
from raythumbs.queue.node_health import NodeHealth
from raythumbs.queue.slots import Slots
from raythumbs.worker.pipeline import Reports
from tests.queue.conftest import Batches, Cluster, a_success, at_work, eventually

BOTH = {"bad": Node("bad", cpus=4, memory_bytes=2_000), "good": Node("good", cpus=2, memory_bytes=2_000)}
DENIED = AccessDenied("s3://photos refuses these credentials (on bad-host)")


@dataclass
class WithABadNode(Batches):
    """A cluster whose node `bad` renders nothing, until it is mended. Once it has failed, it is not tried before that:
    otherwise it could be in trouble for a moment that nobody sees."""

    error: RaythumbsError = DENIED
    mended: asyncio.Event = field(default_factory=asyncio.Event)
    has_failed: bool = False

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        if batch.node.id == "bad" and self.has_failed and not batch.leases:
            await self.mended.wait()
        if batch.node.id == "bad" and not (self.mended.is_set() or batch.memory_bytes):
            for lease in batch.leases:
                self.has_failed = True
                yield (Report(lease, Failed(self.error), seconds=0.01),)
            return
        async for reports in super().__call__(batch):
            yield reports


def a_report(number: int, outcome: Outcome) -> Report:
    lease = Lease(
        job_id=f"job-{number}", photo_id=f"photo-{number}", attempt=1, source=f"file:///{number}.jpg", version=None,
        size_bytes=None, priority=Priority.NORMAL, errors=0, timeouts=0, crashes=0, losses=0, created_at=0.0,
        started_at=0.0, until=0.0,
    )  # fmt: skip
    return Report(lease, outcome, seconds=0.01)


async def trouble(queue, node):
    return {one.node: one.trouble for one in (await queue.verbs.status()).nodes}[node]


async def is_in_trouble(queue, node):
    return await trouble(queue, node) is not None


def test_a_node_that_fails_what_others_render_gets_no_more_photos_and_is_named(configured):
    async def run():
        async with at_work(configured(max_errors=1000), WithABadNode(), Cluster(BOTH)) as queue:
            await queue.submit(*range(40))
            jobs = await queue.ended(*range(40))
            return jobs, await trouble(queue, "bad"), await trouble(queue, "good")

    jobs, bad, good = asyncio.run(run())

    assert {job.state for job in jobs} == {State.SUCCEEDED}
    assert (bad, good) == (DENIED.reason, None)


def test_a_lone_photo_that_failed_on_one_node_is_tried_on_the_other(configured):
    equal = {name: Node(name, cpus=2) for name in BOTH}

    async def run():
        async with at_work(configured(), WithABadNode(), Cluster(equal)) as queue:
            errors = []
            for number in range(4):
                await queue.submit(number)
                errors += [job.errors for job in await queue.ended(number)]
            return errors

    assert max(asyncio.run(run())) <= 1


def test_a_node_that_was_mended_is_given_photos_again(configured):
    async def run():
        batches = WithABadNode()
        async with at_work(configured(max_errors=1000), batches, Cluster(BOTH), reconsider_seconds=0.1) as queue:
            await queue.submit(*range(40))
            await eventually(lambda: is_in_trouble(queue, "bad"))
            batches.mended.set()

            async def is_used() -> bool:
                return (await queue.verbs.status()).total == 6

            await eventually(is_used)
            await queue.submit(*range(40, 80))
            return await queue.ended(*range(80)), await trouble(queue, "bad")

    jobs, bad = asyncio.run(run())

    assert {job.state for job in jobs} == {State.SUCCEEDED}
    assert bad is None


def test_photos_that_fail_wherever_they_are_tried_are_blamed_on_no_node(configured):
    def nobody_may_read_odd_ones(lease):
        return Failed(DENIED) if int(lease.job_id.removeprefix("job-")) % 2 else Batches().answer(lease)

    async def run():
        async with at_work(configured(max_errors=4), Batches(nobody_may_read_odd_ones), Cluster(BOTH)) as queue:
            await queue.submit(*range(40))
            return await queue.ended(*range(40)), await trouble(queue, "bad"), await trouble(queue, "good")

    jobs, *troubles = asyncio.run(run())

    assert {job.state for job in jobs[1::2]} == {State.FAILED}
    assert troubles == [None, None]


def test_large_photos_that_a_node_hands_on_do_not_speak_against_it(configured):
    async def run():
        batches = WithABadNode(error=NeedsMemory("a large one", 1_000))
        async with at_work(configured(), batches, Cluster(BOTH)) as queue:
            await queue.submit(*range(40))
            await queue.ended(*range(40))
            return await trouble(queue, "bad")

    assert asyncio.run(run()) is None


@dataclass
class WithLittleMemory(Batches):
    """A node that has memory for so many batches at a time; of more, the newest is ended."""

    room: int = 2
    at_once: int = 0

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        if not batch.leases:
            return
        if self.at_once >= self.room:
            raise NodeShort("10.0.0.3: its memory was nearly full, and Ray ended a task")
        self.at_once += 1
        try:
            await asyncio.sleep(0)  # let the others begin
            async for reports in super().__call__(batch):
                yield reports
        finally:
            self.at_once -= 1


def test_a_node_that_runs_out_of_memory_uses_fewer_slots_and_its_photos_pay_nothing(configured):
    async def run():
        batches = WithLittleMemory()
        async with at_work(configured(), batches, Cluster({"small": Node("small", cpus=8)})) as queue:
            await queue.submit(*range(60))
            return await queue.ended(*range(60)), (await queue.verbs.status()).nodes

    jobs, [node] = asyncio.run(run())

    assert {(job.state, job.crashes, job.losses) for job in jobs} == {(State.SUCCEEDED, 0, 0)}
    assert 2 <= node.slots < 8
    assert "memory was nearly full" in node.trouble


def test_a_node_that_was_short_of_memory_has_its_slots_back_after_a_while(configured):
    async def run():
        batches = WithLittleMemory()
        async with at_work(
            configured(), batches, Cluster({"small": Node("small", cpus=8)}), reconsider_seconds=0.05
        ) as queue:
            await queue.submit(*range(60))
            await queue.ended(*range(60))

            async def has_all() -> bool:
                return (await queue.verbs.status()).total == 8

            await eventually(has_all)
            return await trouble(queue, "small")

    assert asyncio.run(run()) is None


def test_a_photo_that_alone_takes_all_memory_of_a_node_ends_as_failed(configured):
    async def run():
        batches = WithLittleMemory(room=0)
        async with at_work(configured(), batches, Cluster({"small": Node("small", cpus=4)})) as queue:
            await queue.submit(1)
            return await queue.ended(1)

    [job] = asyncio.run(run())

    assert (job.state, job.code) == (State.FAILED, "poison")


def test_what_nodes_did_that_have_left_is_forgotten():
    slots = Slots(per_node=8)
    slots.follow(BOTH)
    health = NodeHealth(slots)
    for number in range(2):
        health.hear(BOTH["bad"], a_report(number, Failed(DENIED)))
        health.hear(BOTH["good"], a_report(number, a_success()))
    health.hear(BOTH["bad"], a_report(3, Failed(DENIED)))

    health.forget_others({"good"})
    health.hear(BOTH["good"], a_report(3, a_success()))

    assert slots.refused == []
