"""More slots than this machine has cores: the real queue, and photos that only take time. See simulated_batches.py."""

import asyncio
import math
import time
from dataclasses import dataclass
from pathlib import Path

from raythumbs.bench.queue_at_work import BATCH_RECORDS, Caller, one_node, queue_at_work
from raythumbs.bench.simulated_batches import SimulatedBatches

_WARM_UP_SECONDS = 2.0
_AFTERWARDS_SECONDS = 2.0  # of work that waits at the end: the last photos are shared out in small helpings


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """So many slots for some seconds, with photos that take so long."""

    slots: int
    seconds_per_photo: float
    seconds: float
    folder: Path

    def photos(self, seconds: float) -> int:
        """How many photos the slots can do in so many seconds."""
        return math.ceil(self.slots * seconds / self.seconds_per_photo)


@dataclass(frozen=True, slots=True)
class Simulated:
    """Photos, in so many seconds of the clock and of CPU."""

    photos: int
    seconds: float
    cpu_seconds: float


def simulate(simulation: Simulation) -> Simulated:
    """Measure; for a process that does nothing else."""
    return asyncio.run(_simulate(simulation))


async def _simulate(simulation: Simulation) -> Simulated:
    batches = SimulatedBatches(simulation.seconds_per_photo)
    warm_up, photos = simulation.photos(_WARM_UP_SECONDS), simulation.photos(simulation.seconds)
    async with queue_at_work(
        batches, database_url=None, folder=simulation.folder, nodes=one_node(simulation.slots)
    ) as queue:
        caller = Caller(queue)
        waiting = warm_up + photos + simulation.photos(_AFTERWARDS_SECONDS)
        for start in range(0, waiting, BATCH_RECORDS):
            await caller.enqueue(min(BATCH_RECORDS, waiting - start))
        batches.gate.set()
        await batches.reach(warm_up)
        before, began, began_cpu = batches.finished, time.perf_counter(), time.process_time()
        await batches.reach(before + photos)
        finished = batches.finished - before
        return Simulated(finished, time.perf_counter() - began, time.process_time() - began_cpu)
