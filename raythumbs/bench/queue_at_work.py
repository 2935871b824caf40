"""One measurement of the queue, in a process of its own: its CPU time and its memory are then the queue's alone.

It is the actor's own class with all of its loops, on a real database. What is missing is Ray, and that a photo takes
time; but batches ask for more while they run, and report, as those of a camera's photos do: see simulated_batches.py.
One caller keeps the backlog at about its size: what is measured is the whole way of a job, `enqueue`, `lease` and
`finish`, as often in as out, with as many waiting at the end as at the beginning. Without a backlog, as many as are
topped up come at one time, when the last has finished.
"""

import asyncio
import math
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import psutil

from raythumbs.bench.simulated_batches import SimulatedBatches
from raythumbs.cluster.nodes import Node
from raythumbs.errors import RaythumbsError
from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority
from raythumbs.queue.opening import Opening
from raythumbs.queue.parts import Given
from raythumbs.queue.slots import WHOLE, Share
from raythumbs.queue.thumbnail_queue import ThumbnailQueue
from raythumbs.settings import load_settings
from raythumbs.worker.plan import Plan as WorkPlan

BATCH_RECORDS = 1000
_SLOTS = 32  # so many ask and report that the queue is what they wait for
_WARM_UP_JOBS = 500
_TOP_UP_JOBS = 500
_ENQUEUES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A database, empty, and how many jobs wait in it; `jobs` are measured. SQLite is a file in the folder."""

    database_url: str | None
    folder: Path
    backlog: int
    jobs: int

    @property
    def top_up(self) -> int:
        """How many have finished when as many are enqueued: by so much is the backlog smaller at times."""
        return min(_TOP_UP_JOBS, math.ceil(self.backlog / 2) or _TOP_UP_JOBS, self.jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of it. Memory is resident, in MB (10^6): at its most, and what of that came with the backlog."""

    jobs_per_second: float
    cpu_ms_per_job: float
    enqueue_records_per_second: float
    rss_mb: float
    growth_mb: float


def measure(plan: Plan) -> Measured:
    """Measure; for a process that does nothing else."""
    return asyncio.run(_measure(plan))


@asynccontextmanager
async def queue_at_work(  # noqa: PLR0913 what it works with
    batches: SimulatedBatches,
    *,
    database_url: str | None,
    folder: Path,
    nodes: Mapping[str, Node],
    share: Share = WHOLE,
    max_backlog: int = 1_000_000,
) -> AsyncIterator[ThumbnailQueue]:
    """Give a queue, or one of several, that runs these batches on these nodes, in as many slots as they have CPUs."""
    settings = load_settings(
        data_dir=folder,
        database=database_url,
        store=f"file://{folder}/store",
        thumbnails_store=None,
        max_workers_per_node=max(node.cpus for node in nodes.values()),
        queue_shards=share.shards,
        reconcile_every_seconds=0,
        max_backlog=max_backlog,
        drain_seconds=0.1,
    )

    async def all_nodes() -> Mapping[str, Node]:
        return nodes

    plan = WorkPlan.of(settings)
    given = Given(settings=settings, shard=share.shard, plan=plan, run=batches, nodes=all_nodes)
    queue = await Opening(given).queue()
    batches.ask(queue.more)
    try:
        yield queue
    finally:
        await queue.drain()
        await queue.close()


def one_node(slots: int) -> Mapping[str, Node]:
    """Return a node with so many slots."""
    return {"bench": Node("bench", cpus=slots)}


async def _measure(plan: Plan) -> Measured:
    batches = SimulatedBatches()
    async with queue_at_work(
        batches,
        database_url=plan.database_url,
        folder=plan.folder,
        nodes=one_node(_SLOTS),
        max_backlog=10 * plan.backlog + 1_000_000,
    ) as queue:
        return await _measured(Caller(queue), batches, plan)


async def _measured(caller: "Caller", batches: SimulatedBatches, plan: Plan) -> Measured:
    batches.gate.set()
    await caller.enqueue(_WARM_UP_JOBS)
    await batches.reach(_WARM_UP_JOBS)  # what is made at the first use is made
    batches.gate.clear()
    before = _resident_mb()

    waiting = plan.backlog or plan.top_up
    for start in range(0, waiting, BATCH_RECORDS):
        await caller.enqueue(min(BATCH_RECORDS, waiting - start))
    batches.gate.set()
    await _pass_through(caller, batches, tops=1, jobs=plan.top_up)  # the first leases are smaller, and waited

    tops = plan.jobs // plan.top_up
    began_at, began_cpu = time.perf_counter(), time.process_time()
    most = await _pass_through(caller, batches, tops=tops, jobs=plan.top_up)
    seconds, cpu = time.perf_counter() - began_at, time.process_time() - began_cpu

    batches.gate.clear()
    enqueues = [await caller.enqueue(BATCH_RECORDS) for _ in range(_ENQUEUES)]
    most = max(most, _resident_mb())
    return Measured(
        jobs_per_second=tops * plan.top_up / seconds,
        cpu_ms_per_job=cpu * 1000 / (tops * plan.top_up),
        enqueue_records_per_second=BATCH_RECORDS / statistics.median(enqueues),
        rss_mb=most,
        growth_mb=most - before,
    )


async def _pass_through(caller: "Caller", batches: SimulatedBatches, *, tops: int, jobs: int) -> float:
    """So many times, let jobs finish and enqueue as many; return the most memory seen."""
    done = batches.finished
    most = 0.0
    for top in range(1, tops + 1):
        await batches.reach(done + top * jobs)
        await caller.enqueue(jobs)
        most = max(most, _resident_mb())
    return most


class Caller:
    """Enqueues photos that nobody has enqueued before, each as the notification of an upload would; those whose source
    is `wanted`."""

    def __init__(self, queue: ThumbnailQueue, wanted: Callable[[str], bool] = lambda _source: True) -> None:
        self._queue = queue
        made = (_request(number) for number in count())
        self._requests = (request for request in made if wanted(request.source))

    async def enqueue(self, photos: int) -> float:
        """Return the seconds until they are acknowledged."""
        requests = list(islice(self._requests, photos))
        began = time.perf_counter()
        (answer,) = await self._queue.enqueue_all([requests])
        if isinstance(answer, RaythumbsError):
            raise answer
        return time.perf_counter() - began


def _request(number: int) -> JobRequest:
    now = time.time()
    photo_id = new_id(now=now)
    return JobRequest(
        job_id=new_id(now=now),
        photo_id=photo_id,
        source=f"s3://photos/originals/{photo_id[-2:]}/{photo_id}",  # as uploads are kept
        priority=Priority.NORMAL,
        version="9b2cf535f27731c974343645a3985328",
        size_bytes=5_000_000,
        file_name=f"photo-{number:09d}.jpg",
        event_id=f"s3:photos:{photo_id}:0055AED6DCD90281E5:9b2cf535f27731c974343645a3985328",
        sequence=f"s3:{number:016X}",
    )


def _resident_mb() -> float:
    return int(psutil.Process().memory_info().rss) / 1e6
