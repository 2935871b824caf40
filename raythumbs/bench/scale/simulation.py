"""One shard's queue at work on pretended nodes, in a process of its own; all begin and are measured together."""

import asyncio
import math
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

from raythumbs.bench.queue_at_work import BATCH_RECORDS, Caller, queue_at_work
from raythumbs.bench.servers import die_with_parent
from raythumbs.bench.simulated_batches import SimulatedBatches
from raythumbs.cluster.nodes import Node
from raythumbs.model.shard import shard_of
from raythumbs.queue.slots import Share

_SLOTS_A_NODE = 8
_WARM_UP_SECONDS = 2.0
_AFTERWARDS_SECONDS = 1.0  # of work that waits at the end: the last photos are shared out in small helpings
_MOST_PHOTOS_A_SECOND = 10_000  # of one queue: more need not wait than it could lease

_together: list[Barrier] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """So many slots, on nodes of eight, for some seconds; photos that take so long; queues that share them."""

    database_url: str | None
    folder: Path
    slots: int
    shards: int
    seconds_per_photo: float
    seconds: float

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The pretended nodes."""
        whole, rest = divmod(self.slots, _SLOTS_A_NODE)
        sizes = [_SLOTS_A_NODE] * whole + [rest] * bool(rest)
        return {f"node-{number:04}": Node(f"node-{number:04}", cpus=cpus) for number, cpus in enumerate(sizes)}

    def photos(self, shard: int) -> int:
        """How many must wait for a shard at the beginning."""
        own = sum(Share(shard, self.shards).of_node(id_, node.cpus) for id_, node in self.nodes.items())
        a_second = min(own / self.seconds_per_photo, _MOST_PHOTOS_A_SECOND)
        return math.ceil(a_second * (_WARM_UP_SECONDS + self.seconds + _AFTERWARDS_SECONDS)) + 2 * own


@dataclass(frozen=True, slots=True)
class Simulated:
    """What one shard did: photos and commits, in so many seconds of the clock and of CPU."""

    photos: int
    commits: int
    seconds: float
    cpu_seconds: float


def simulate(simulation: Simulation) -> list[Simulated]:
    """Measure; each shard in a process of its own."""
    context = get_context("spawn")
    barrier = context.Barrier(simulation.shards)
    shards = range(simulation.shards)
    with ProcessPoolExecutor(len(shards), mp_context=context, initializer=_hold, initargs=(barrier,)) as pool:
        return list(pool.map(_simulate_shard, [simulation] * len(shards), shards))


def _hold(together: Barrier) -> None:
    die_with_parent()
    _together.append(together)


def _simulate_shard(simulation: Simulation, shard: int) -> Simulated:
    return asyncio.run(_measured(simulation, shard))


async def _measured(simulation: Simulation, shard: int) -> Simulated:
    batches = SimulatedBatches(simulation.seconds_per_photo)
    async with queue_at_work(
        batches,
        database_url=simulation.database_url,
        folder=simulation.folder,
        nodes=simulation.nodes,
        share=Share(shard, simulation.shards),
    ) as queue:
        caller = Caller(queue, lambda source: shard_of(source, simulation.shards) == shard)
        waiting = simulation.photos(shard)
        for start in range(0, waiting, BATCH_RECORDS):
            await caller.enqueue(min(BATCH_RECORDS, waiting - start))
        await asyncio.to_thread(_together[0].wait)
        batches.gate.set()
        await asyncio.sleep(_WARM_UP_SECONDS)
        before, commits = batches.finished, await queue.commits()
        began, began_cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(simulation.seconds)
        done = Simulated(
            batches.finished - before,
            await queue.commits() - commits,
            time.perf_counter() - began,
            time.process_time() - began_cpu,
        )
        batches.gate.clear()
        return done
