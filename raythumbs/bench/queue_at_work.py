"""One measurement of the queue, in a process of its own: its CPU time and its memory are then the queue's alone.

It is the actor's own class with all of its loops, on a real database. What is missing is Ray, and the render does
nothing but report a success. One caller keeps the backlog at about its size: what is measured is the whole way of a
job, `enqueue`, `lease` and `finish`, as often in as out, with as many waiting at the end as at the beginning.
"""

import asyncio
import math
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from raythumbs.engine.batch import Batch, Reports
from raythumbs.engine.queue import ThumbnailQueue
from raythumbs.engine.slots import Node
from raythumbs.errors import RaythumbsError
from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority
from raythumbs.model.lease import Lease, Report, Succeeded
from raythumbs.model.photo import Format, PictureFacts, Rendition
from raythumbs.settings import load_settings

BATCH_RECORDS = 1000
_NODE = Node("bench", cpus=8)
_WARM_UP_JOBS = 500
_TOP_UP_JOBS = 500
_ENQUEUES = 20
_PATIENCE_SECONDS = 60
_FACTS = PictureFacts(
    width=4000,
    height=3000,
    format="jpeg",
    size_bytes=5_000_000,
    version="v1",
    thumb_hash="3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
)


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
        return min(_TOP_UP_JOBS, math.ceil(self.backlog / 2), self.jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of it. Memory is resident, in MB (10^6): at its most, and what of that came with the backlog."""

    jobs_per_second: float
    cpu_ms_per_job: float
    enqueue_records_per_second: float
    rss_mb: float
    growth_mb: float


class Stuck(RaythumbsError):
    """The queue does not go on."""

    code = "stuck"


class Renders:
    """Runs batches: while the gate is open, each photo is a success at once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.finished = 0
        self._progress = asyncio.Event()

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        """Report as a task does: nothing at its beginning, then what was done in the meantime, at one time."""
        yield ()
        await self.gate.wait()
        yield tuple(Report(lease, _success(lease), seconds=0.0) for lease in batch.leases)
        self.finished += len(batch.leases)  # we are asked for more once these are committed
        self._progress.set()

    async def reach(self, finished: int) -> None:
        """Wait until so many have finished since the beginning, or raise Stuck."""
        while self.finished < finished:
            self._progress.clear()
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._progress.wait()
            except TimeoutError as error:
                raise Stuck(f"no job finished for {_PATIENCE_SECONDS} s; {self.finished} had") from error


def measure(plan: Plan) -> Measured:
    """Measure; for a process that does nothing else."""
    return asyncio.run(_measure(plan))


async def _measure(plan: Plan) -> Measured:
    settings = load_settings(
        data_dir=plan.folder,
        database=plan.database_url,
        store=f"file://{plan.folder}/store",
        thumbnails_store=None,
        reconcile_every_seconds=0,
        max_backlog=10 * plan.backlog + 1_000_000,
        drain_seconds=0.1,
    )
    renders = Renders()
    queue = ThumbnailQueue(settings, run=renders, nodes=_nodes)
    try:
        return await _measured(queue, renders, plan)
    finally:
        await queue.drain()


async def _measured(queue: ThumbnailQueue, renders: Renders, plan: Plan) -> Measured:
    caller = _Caller(queue)
    renders.gate.set()
    await caller.enqueue(_WARM_UP_JOBS)
    await renders.reach(_WARM_UP_JOBS)  # what is made at the first use is made
    renders.gate.clear()
    before = _resident_mb()

    for start in range(0, plan.backlog, BATCH_RECORDS):
        await caller.enqueue(min(BATCH_RECORDS, plan.backlog - start))
    renders.gate.set()
    await _pass_through(caller, renders, tops=1, jobs=plan.top_up)  # the first leases are smaller, and waited

    tops = plan.jobs // plan.top_up
    began_at, began_cpu = time.perf_counter(), time.process_time()
    most = await _pass_through(caller, renders, tops=tops, jobs=plan.top_up)
    seconds, cpu = time.perf_counter() - began_at, time.process_time() - began_cpu

    renders.gate.clear()
    enqueues = [await caller.enqueue(BATCH_RECORDS) for _ in range(_ENQUEUES)]
    most = max(most, _resident_mb())
    return Measured(
        jobs_per_second=tops * plan.top_up / seconds,
        cpu_ms_per_job=cpu * 1000 / (tops * plan.top_up),
        enqueue_records_per_second=BATCH_RECORDS / statistics.median(enqueues),
        rss_mb=most,
        growth_mb=most - before,
    )


async def _pass_through(caller: "_Caller", renders: Renders, *, tops: int, jobs: int) -> float:
    """So many times, let jobs finish and enqueue as many; return the most memory seen."""
    done = renders.finished
    most = 0.0
    for top in range(1, tops + 1):
        await renders.reach(done + top * jobs)
        await caller.enqueue(jobs)
        most = max(most, _resident_mb())
    return most


class _Caller:
    """Enqueues photos that nobody has enqueued before, each as the notification of an upload would."""

    def __init__(self, queue: ThumbnailQueue) -> None:
        self._queue = queue
        self._next = 0

    async def enqueue(self, photos: int) -> float:
        """Return the seconds until they are acknowledged."""
        numbers = range(self._next, self._next + photos)
        self._next += photos
        requests = [_request(number) for number in numbers]
        began = time.perf_counter()
        await self._queue.enqueue(requests)
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
        event_id=f"s3:photos:{number:09d}:0055AED6DCD90281E5:9b2cf535f27731c974343645a3985328",
        sequence=f"s3:{number:016X}",
    )


def _success(lease: Lease) -> Succeeded:
    key = f"thumbnails/{lease.photo_id}/thumbnail.jpg"
    made = Rendition(
        name="thumbnail",
        width=300,
        height=225,
        format=Format.JPEG,
        size_bytes=20_000,
        key=key,
        url=f"http://127.0.0.1:8000/{key}",
    )
    return Succeeded(_FACTS, (made,))


async def _nodes() -> Mapping[str, Node]:
    return {_NODE.id: _NODE}


def _resident_mb() -> float:
    return int(psutil.Process().memory_info().rss) / 1e6
