"""Simulated batches do what the pipeline's do, as far as the queue can tell."""

import asyncio
from pathlib import Path

from raythumbs.bench import simulated_batches
from raythumbs.bench.queue_at_work import Caller, Load, queue_at_work
from raythumbs.bench.simulated_batches import SimulatedBatches
from raythumbs.queue.batch import Batch
from raythumbs.worker import pipeline


class Counted(SimulatedBatches):
    """Remembers how many leases each batch began with, and what was given to those that asked."""

    def __init__(self) -> None:
        super().__init__(photo_seconds=0.002)
        self.began: list[int] = []
        self.given: list[int] = []

    def ask(self, more):
        async def counted(ticket, room):
            leases = await more(ticket, room)
            self.given.append(len(leases))
            return leases

        self.more = counted

    def __call__(self, batch: Batch):
        self.began += [len(batch.leases)] if batch.leases else []
        return super().__call__(batch)


def test_they_ask_and_report_at_the_pipelines_own_moments():
    names = ("IN_HAND_SECONDS", "GATHERING_SECONDS", "ASK_AGAIN_SECONDS", "PHOTOS_A_TASK")

    assert [getattr(simulated_batches, name) for name in names] == [getattr(pipeline, f"_{name}") for name in names]


def test_a_batch_grows_while_it_runs_and_every_photo_finishes(tmp_path: Path):
    async def run():
        batches = Counted()
        async with queue_at_work(batches, folder=tmp_path, nodes=Load(slots=2, seconds=1).nodes) as queue:
            batches.ask(queue.more)
            await Caller(queue).enqueue(400)
            batches.gate.set()
            await batches.reach(400)
            states = (await queue.status()).overview.states
        return batches, dict(states)

    batches, states = asyncio.run(run())

    assert (batches.finished, states["succeeded"]) == (400, 400)
    assert sum(batches.began) + sum(batches.given) == 400
    assert sum(batches.given) > 300
    assert len(batches.began) <= 4
