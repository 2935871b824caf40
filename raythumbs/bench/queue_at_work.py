"""The queue actor's own class with all of its loops, on a real database and simulated nodes, without Ray and photos.

Each queue runs in a process of its own, so its CPU time and memory are the queue's. Its batches ask for more while they
run, and report, as those of a camera's photos do: see simulated_batches.py.
"""

import asyncio
import math
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Annotated

import psutil

from raythumbs.bench.laps import await_others, in_processes
from raythumbs.bench.simulated_batches import SimulatedBatches
from raythumbs.cluster.nodes import Node
from raythumbs.db.scratch import scratch_database
from raythumbs.errors import RaythumbsError
from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority
from raythumbs.model.shard import shard_of
from raythumbs.queue.opening import Opening
from raythumbs.queue.parts import Given
from raythumbs.queue.slots import Share
from raythumbs.queue.thumbnail_queue import ThumbnailQueue
from raythumbs.settings import load_settings
from raythumbs.worker.plan import Plan as WorkPlan

_REQUEST_JOBS = 1000
_REFILL_JOBS = 500
_ENQUEUES = 20  # make a good median
_SLOTS_A_NODE = 8
_FIRST_JOBS = 500  # what is made at the first use is made then
_WARM_UP_SECONDS = 2.0  # the first leases are smaller
_AFTERWARDS_SECONDS = 2.0  # of work that waits at the end: the last photos are given out in small numbers
_MAX_PHOTOS_PER_SECOND = 10_000  # of one queue: no more need to wait than it can lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The work of queues that share some slots, in which a photo takes `photo_seconds`.

    With a backlog, jobs are enqueued as fast as others finish, so that the backlog keeps its length: what is measured
    is then the whole path of a job, `enqueue`, `lease` and `finish`. Without one, enough jobs wait from the beginning.
    """

    slots: int
    seconds: float
    photo_seconds: float = 0.0
    backlog: int | None = None
    shards: int = 1

    @property
    def warm_up_seconds(self) -> float:
        """For how long it works before it is measured. A short run, as in a test, has a short one."""
        return min(_WARM_UP_SECONDS, self.seconds)

    @property
    def enqueues(self) -> int:
        """How many requests are timed at the end. A short run has fewer."""
        return math.ceil(_ENQUEUES * self.warm_up_seconds / _WARM_UP_SECONDS)

    @property
    def refill(self) -> int:
        """How many jobs finish before as many are enqueued; 0: none are."""
        return 0 if self.backlog is None else min(_REFILL_JOBS, math.ceil(self.backlog / 2) or _REFILL_JOBS)

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The simulated nodes, of eight slots."""
        whole, rest = divmod(self.slots, _SLOTS_A_NODE)
        sizes = [_SLOTS_A_NODE] * whole + [rest] * bool(rest)
        return {f"node-{number:04}": Node(f"node-{number:04}", cpus=cpus) for number, cpus in enumerate(sizes)}

    def waiting(self, share: Share) -> int:
        """How many jobs of a queue wait at the beginning."""
        if self.backlog is not None:
            return self.backlog or self.refill
        slots = sum(share.of_node(id_, node.cpus) for id_, node in self.nodes.items())
        per_second = min(slots / self.photo_seconds, _MAX_PHOTOS_PER_SECOND)
        return math.ceil(per_second * (self.warm_up_seconds + self.seconds + _AFTERWARDS_SECONDS)) + 2 * slots


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one queue did: jobs and commits, in so many seconds of the clock and of CPU; how fast it enqueues when
    nothing else happens; its resident memory in MB (10^6) at most, and how much of that came with the backlog."""

    jobs: int
    seconds: float
    cpu_seconds: float
    commits: int = 0
    enqueued_per_second: float = 0.0
    peak_mb: float = 0.0
    growth_mb: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The work of queues together. Slots are busy in percent of what they could do. The CPU percentage is of a core,
    and that of the busiest queue; a simulation is part of it. Memory is that of the largest queue."""

    how: Annotated[str, ""]
    database: Annotated[str, "database"]
    shards: Annotated[int, "queues"]
    slots: Annotated[int, "slots", "{:,}"]
    backlog: Annotated[int | None, "backlog", "{:,}"]
    seconds_per_photo: Annotated[float | None, "s/photo", "{:.4f}"]
    jobs_per_second: Annotated[float, "jobs/s", "{:,.1f}"]
    busy_percent: Annotated[float | None, "busy", "{:.1f} %"]
    actor_cpu_percent: Annotated[float, "actor's CPU", "{:.1f} %"]
    actor_cpu_ms_per_job: Annotated[float, "CPU ms/job", "{:.2f}"]
    commits_per_second: Annotated[float | None, "commits/s", "{:,.0f}"]
    enqueue_records_per_second: Annotated[float | None, "enqueued/s", "{:,.0f}"]
    actor_rss_mb: Annotated[float | None, "RSS MB", "{:.0f}"]
    actor_growth_mb: Annotated[float | None, "of that grown", "{:.0f}"]


def row_of(database: str, load: Load, queues: Sequence[Work], *, how: str = "simulated") -> Row:
    """Sum up the work of queues."""
    jobs, cpu_seconds = sum(work.jobs for work in queues), sum(work.cpu_seconds for work in queues)
    jobs_per_second = sum(work.jobs / work.seconds for work in queues)
    return Row(
        how=how,
        database=database,
        shards=load.shards,
        slots=load.slots,
        backlog=load.backlog,
        seconds_per_photo=load.photo_seconds or None,
        jobs_per_second=jobs_per_second,
        busy_percent=100 * jobs_per_second * load.photo_seconds / load.slots or None,
        actor_cpu_percent=max(100 * work.cpu_seconds / work.seconds for work in queues),
        actor_cpu_ms_per_job=1000 * cpu_seconds / max(1, jobs),
        commits_per_second=sum(work.commits / work.seconds for work in queues),
        enqueue_records_per_second=sum(work.enqueued_per_second for work in queues),
        actor_rss_mb=max(work.peak_mb for work in queues),
        actor_growth_mb=max(work.growth_mb for work in queues),
    )


@dataclass(frozen=True, slots=True)
class _Queue:
    """One of the queues. Without an address its database is a SQLite file in the folder."""

    load: Load
    share: Share
    folder: Path
    database_url: str | None


def measure(load: Load, database: str, *, folder: Path, server: str | None = None) -> Row:
    """Measure all queues at once, on `sqlite`, a file in the folder, or on `postgresql`, at the server's address.
    What is written is removed."""
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="raythumbs-queue-", dir=folder))
        url = stack.enter_context(scratch_database(server)) if database == "postgresql" and server else None
        shares = [Share(shard, load.shards) for shard in range(load.shards)]
        queues = in_processes(_measured, [_Queue(load, share, Path(name).absolute(), url) for share in shares])
    return row_of(database, load, queues)


def _measured(queue: _Queue) -> Work:
    return asyncio.run(_measure(queue))


async def _measure(one: _Queue) -> Work:
    batches = SimulatedBatches()
    async with queue_at_work(
        batches, nodes=one.load.nodes, folder=one.folder, database_url=one.database_url, share=one.share
    ) as queue:
        caller = Caller(queue, one.share)
        batches.gate.set()
        await caller.enqueue(_FIRST_JOBS)
        await batches.reach(_FIRST_JOBS)
        batches.gate.clear()
        batches.photo_seconds = one.load.photo_seconds
        memory_mb, waiting = _resident_mb(), one.load.waiting(one.share)
        await caller.enqueue(waiting)
        await asyncio.to_thread(await_others)
        batches.gate.set()
        await _work(caller, batches, one.load, waiting=waiting, seconds=one.load.warm_up_seconds)
        finished, commits = batches.finished, await queue.commits()
        began, began_cpu = time.perf_counter(), time.process_time()
        peak_mb = await _work(caller, batches, one.load, waiting=waiting, seconds=one.load.seconds)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        jobs, commits = batches.finished - finished, await queue.commits() - commits
        batches.gate.clear()
        enqueue_seconds = statistics.median([await caller.enqueue(_REQUEST_JOBS) for _ in range(one.load.enqueues)])
        peak_mb = max(peak_mb, _resident_mb())
    return Work(
        jobs=jobs,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        commits=commits,
        enqueued_per_second=_REQUEST_JOBS / enqueue_seconds,
        peak_mb=peak_mb,
        growth_mb=peak_mb - memory_mb,
    )


async def _work(caller: "Caller", batches: SimulatedBatches, load: Load, *, waiting: int, seconds: float) -> float:
    """Let the queue work for so long, with a backlog until a job has finished; return the most memory seen, in MB."""
    until, peak_mb, finished = time.perf_counter() + seconds, 0.0, batches.finished
    while (left := until - time.perf_counter()) > 0 or (load.refill and batches.finished == finished):
        if load.refill:
            await batches.reach(caller.enqueued - waiting + load.refill)
            await caller.enqueue(load.refill)
        else:
            await asyncio.sleep(left)
        peak_mb = max(peak_mb, _resident_mb())
    return peak_mb


@asynccontextmanager
async def queue_at_work(
    batches: SimulatedBatches,
    *,
    nodes: Mapping[str, Node],
    folder: Path,
    database_url: str | None = None,
    share: Share = Share(),  # noqa: B008 it is frozen
) -> AsyncIterator[ThumbnailQueue]:
    """Run a queue, or one of several, whose batches run on these nodes, in as many slots as the nodes have CPUs."""
    settings = load_settings(
        data_dir=folder,
        database=database_url,
        store=f"file://{folder}/store",
        thumbnails_store=None,
        max_workers_per_node=max(node.cpus for node in nodes.values()),
        queue_shards=share.shards,
        reconcile_every_seconds=0,
        max_backlog=100_000_000,
        drain_seconds=0.1,
    )

    async def all_nodes() -> Mapping[str, Node]:
        return nodes

    plan = WorkPlan.of(settings)
    given = Given(settings=settings, shard=share.shard, plan=plan, run=batches, nodes=all_nodes)
    queue = await Opening(given).queue()
    batches.more = queue.more
    try:
        yield queue
    finally:
        await queue.drain()
        await queue.close()


class Caller:
    """Enqueues new photos of a queue's share, each as the notification of an upload would."""

    def __init__(self, queue: ThumbnailQueue, share: Share = Share()) -> None:  # noqa: B008 it is frozen
        self.enqueued = 0
        self._queue = queue
        requests = map(_request, count())
        self._requests = (one for one in requests if shard_of(one.source, share.shards) == share.shard)

    async def enqueue(self, photos: int) -> float:
        """Enqueue photos, a thousand in a request; return the seconds until all were acknowledged."""
        seconds = 0.0
        while photos > 0:
            requests = list(islice(self._requests, min(photos, _REQUEST_JOBS)))
            began = time.perf_counter()
            (answer,) = await self._queue.enqueue_all([requests])
            seconds += time.perf_counter() - began
            if isinstance(answer, RaythumbsError):
                raise answer
            self.enqueued += len(requests)
            photos -= len(requests)
        return seconds


def _request(number: int) -> JobRequest:
    now = time.time()
    photo_id, version = new_id(now=now), "9b2cf535f27731c974343645a3985328"
    return JobRequest(
        job_id=new_id(now=now),
        photo_id=photo_id,
        source=f"s3://photos/originals/{photo_id[-2:]}/{photo_id}",  # as uploads are kept
        priority=Priority.NORMAL,
        version=version,
        size_bytes=5_000_000,
        file_name=f"photo-{number:09d}.jpg",
        event_id=f"s3:photos:{photo_id}:0055AED6DCD90281E5:{version}",
        sequence=f"s3:{number:016X}",
    )


def _resident_mb() -> float:
    return int(psutil.Process().memory_info().rss) / 1e6
