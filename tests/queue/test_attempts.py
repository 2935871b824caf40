"""What the queue notes of each attempt: its node, and how it ended."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from raythumbs.cluster.nodes import Node
from raythumbs.errors import NeedsMemory, NotAnImage, StoreUnavailable
from raythumbs.model.attempt import AttemptOutcome
from raythumbs.model.lease import Failed
from raythumbs.queue.batch import Batch, NodeGone
from raythumbs.worker.pipeline import Reports
from tests.queue.conftest import Batches, Cluster, a_success, at_work, failing

SMALL = Node("small", cpus=8, memory_bytes=10, address="10.0.0.7")
ROOMY = Node("roomy", cpus=1, memory_bytes=2_000, address="10.0.0.9")


def test_each_attempt_has_the_address_of_its_node_and_what_went_wrong(configured):
    async def run():
        batches = Batches(failing(StoreUnavailable("the store is away"), NotAnImage("words")))
        async with at_work(configured(), batches, Cluster({"small": SMALL})) as queue:
            await queue.submit(1)
            await queue.ended(1)
            return await queue.attempts(1)

    attempts = asyncio.run(run())

    assert [(one.number, one.node, one.outcome, one.code) for one in attempts] == [
        (1, "10.0.0.7", AttemptOutcome.FAILED, "store_unavailable"),
        (2, "10.0.0.7", AttemptOutcome.FAILED, "not_an_image"),
    ]


@dataclass
class FirstLost(Batches):
    """The node of the first batch leaves."""

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        if batch.leases and not self.seen:
            self.seen.append([])
            raise NodeGone("ActorDiedError")
        async for reports in super().__call__(batch):
            yield reports


def test_an_attempt_whose_node_went_away_is_lost_and_the_next_one_succeeds(configured):
    async def run():
        async with at_work(configured(), FirstLost()) as queue:
            await queue.submit(1)
            await queue.ended(1)
            return await queue.attempts(1)

    lost, succeeded = asyncio.run(run())

    assert (lost.outcome, lost.reason) == (AttemptOutcome.LOST, "the task was lost: ActorDiedError")
    assert succeeded.outcome is AttemptOutcome.SUCCEEDED
    assert lost.began_at <= lost.ended_at <= succeeded.began_at


def test_a_large_photo_has_the_node_that_has_room_for_it(configured):
    tried: list[str] = []

    def answer(lease):
        tried.append(lease.node)
        return Failed(NeedsMemory("much", 1_500)) if len(tried) == 1 else a_success()

    async def run():
        async with at_work(configured(), Batches(answer), Cluster({"small": SMALL, "roomy": ROOMY})) as queue:
            await queue.submit(1)
            await queue.ended(1)
            return await queue.attempts(1)

    [only] = asyncio.run(run())

    assert tried == ["10.0.0.7", "10.0.0.9"]
    assert (only.node, only.outcome) == ("10.0.0.9", AttemptOutcome.SUCCEEDED)
