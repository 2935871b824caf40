"""ThumbnailQueue: the single writer in front of the record, and the loops around it.

A plain class, which tests construct without Ray; the actor that it becomes is in queue_actor.py.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ray.exceptions import RayError

from raythumbs.cluster.autoscaler import RayAutoscaler
from raythumbs.cluster.nodes import Node, live_nodes
from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.intake_groups import enqueue_groups
from raythumbs.db.jobs import Jobs
from raythumbs.db.leases import Leases
from raythumbs.db.overview import overview
from raythumbs.db.photos import Photos
from raythumbs.db.reconciliation import Reconciliations
from raythumbs.db.record import Record
from raythumbs.db.shards import Shards
from raythumbs.errors import NotReconciled, QueueUnavailable, RaythumbsError
from raythumbs.events import emit, emit_trouble
from raythumbs.model.job import Change, Job, State
from raythumbs.model.lease import Lease
from raythumbs.model.overview import Overview, Status
from raythumbs.model.photo import Photo
from raythumbs.model.reconciliation import Reconciliation
from raythumbs.queue.admission import Admission, Bounds
from raythumbs.queue.batch import RunBatch
from raythumbs.queue.collector import Collector
from raythumbs.queue.dispatcher import Dispatcher
from raythumbs.queue.janitor import Janitor
from raythumbs.queue.loop import attempt, forever
from raythumbs.queue.outcomes import Budgets
from raythumbs.queue.reconciler import Reconciler
from raythumbs.queue.run_batch import run_batch
from raythumbs.queue.scaling import Scaling
from raythumbs.queue.shared_answers import Shared
from raythumbs.queue.slots import Share, Slots
from raythumbs.queue.store_check import StoreCheck
from raythumbs.settings import Settings
from raythumbs.worker.host_load import HostLoad
from raythumbs.worker.plan import Plan

_PUT_SECONDS = 30  # more than the store's own timeouts for one thumbnail
_OPEN_SECONDS = 5  # how long a verb waits for the database at start
_DIVIDED_SECONDS = 0.2  # until it is looked again whether the jobs are divided
_HANDOVER_SECONDS = 30  # from the end of a drain to the end of the actor, which takes a tenth of a second
_RECONSIDER_SECONDS = 20
_OVERVIEW_SECONDS = 0.2  # how old the counts of a status may be

Nodes = Callable[[], Awaitable[Mapping[str, Node]]]


class ThumbnailQueue:
    """The durable order of jobs. It starts its loops when made, so a restarted actor works on by itself.

    Of several shards each leases its own jobs into its share of the slots. What concerns the whole record (reconciling,
    pruning, collecting) the first one does; what is asked by an id any of them answers.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        shard: int = 0,
        run: RunBatch | None = None,
        nodes: Nodes = live_nodes,
        secrets_file: Path | None = None,
    ) -> None:
        plan = Plan.of(settings, secrets_file=secrets_file)
        self._settings = settings
        self._plan = plan
        self._nodes = nodes
        self._run = run or partial(run_batch, plan=plan, patience_seconds=_patience_seconds(plan))
        self._shard = shard
        self._shards = settings.queue_shards
        self._slots = Slots(
            per_node=settings.max_workers_per_node,
            in_all=None if settings.use_parallel_thumbnails else 1,
            share=Share(shard, self._shards),
        )
        places = dict.fromkeys((settings.store_uri, settings.thumbnails_uri))
        self._stores_answer = StoreCheck(lambda: map(plan.stores.at, places))
        self._overviews = Shared(self._overview, seconds=_OVERVIEW_SECONDS)
        self._answers = Shared(self._database_answers)
        self._loops: list[asyncio.Task[None]] = []
        self._opening = asyncio.create_task(self._open())

    # --- the verbs of a job

    async def enqueue(self, changes: Sequence[Change]) -> list[Job]:
        """Make jobs of the requests in one transaction; see Intake.enqueue. When it returns, they are on disk."""
        record, dispatcher = await self._parts()
        self._admission.check()
        jobs = await record.write(lambda db, now: Intake(db, self._shards).enqueue(changes, now=now))
        self._admission.took(len(jobs))
        emit("jobs.enqueued", jobs=len(jobs), changes=len(changes))
        dispatcher.wake.set()
        return jobs

    async def enqueue_all(self, groups: Sequence[Sequence[Change]]) -> list[list[Job] | RaythumbsError]:
        """Do as `enqueue` for each group of changes, with one commit for all; tell each its jobs, or its own error."""
        record, dispatcher = await self._parts()
        self._admission.check()
        told = await enqueue_groups(record, groups, shards=self._shards)
        jobs = sum(len(one) for one in told if not isinstance(one, RaythumbsError))
        self._admission.took(jobs)
        emit("jobs.enqueued", jobs=jobs, changes=sum(map(len, groups)))
        dispatcher.wake.set()
        return told

    async def admit(self) -> None:
        """Return if more work may be taken, else raise QueueUnavailable or Overloaded."""
        await self._parts()
        self._admission.check()

    async def cancel(self, job_id: str) -> Job:
        """End a job that is not finished."""
        record, _ = await self._parts()
        job = await record.write(lambda db, now: Jobs(db).cancel(job_id, now=now))
        emit("job.cancelled", job_id=job_id)
        return job

    async def retry(self, job_id: str) -> Job:
        """Queue a failed job again."""
        record, dispatcher = await self._parts()
        job = await record.write(lambda db, now: Jobs(db).retry(job_id, now=now))
        emit("job.retried", job_id=job_id)
        dispatcher.wake.set()
        return job

    # --- for batches at work

    async def more(self, ticket: int, room: int, seen: HostLoad | None = None) -> list[Lease]:
        """See Dispatcher.more."""
        _, dispatcher = await self._parts()
        return await dispatcher.more(ticket, room, seen)

    # --- to look at

    async def job(self, job_id: str) -> Job:
        """Return the job, or raise UnknownJob."""
        record, _ = await self._parts()
        return await record.read(lambda db: Jobs(db).get(job_id))

    async def jobs(self, *, state: State | None, after: str | None, limit: int) -> list[Job]:
        """Return a page of jobs, the newest first."""
        record, _ = await self._parts()
        return await record.read(lambda db: Jobs(db).list(state=state, after=after, limit=limit))

    async def photo(self, photo_id: str) -> Photo:
        """Return the photo, or raise UnknownPhoto."""
        record, _ = await self._parts()
        return await record.read(lambda db: Photos(db).get(photo_id))

    async def status(self) -> Status:
        """Return what there is to see of the queue; the counts are at most a fifth of a second old."""
        _, dispatcher = await self._parts()
        return Status(
            overview=await self._overviews(None),
            nodes=self._slots.by_node(),
            busy=self._slots.busy,
            total=self._slots.total,
            running=dispatcher.running,
            late_reports=dispatcher.late_reports,
            draining=dispatcher.draining,
        )

    async def _overview(self, _: None) -> Overview:
        record, _dispatcher = await self._parts()
        database = self._database
        return await record.read(lambda db: overview(db, now=database.now(db)))

    async def commits(self) -> int:
        """Return how many times it has written to the database."""
        record, _ = await self._parts()
        return record.commits

    async def check(self) -> None:
        """Return if the database and the stores answer and more work may be taken, else raise what is the matter."""
        await self._parts()
        self._admission.check()
        await self._answers(None)
        await self._stores_answer()

    async def _database_answers(self, _: None) -> None:
        record, _dispatcher = await self._parts()
        await record.read(self._database.now)

    # --- the stores

    async def reconcile(self) -> Reconciliation:
        """Begin to compare the stores with the record, if that does not happen already."""
        await self._parts()
        return await self._reconciler.ask()

    async def reconciliation(self) -> Reconciliation:
        """Return the reconciliation that runs, or the last one; raise NotReconciled if there was none."""
        record, _ = await self._parts()
        last = await record.read(lambda db: Reconciliations(db).last())
        if last is None:
            raise NotReconciled("there was no reconciliation yet: POST /api/reconciliation begins one")
        return last

    # --- life and death

    async def identity(self) -> str:
        """Return the digest of the version and settings that this queue was made with."""
        return self._settings.identity

    async def drain(self) -> None:
        """Finish what runs, and queue the rest again. What comes meanwhile is taken, for the queue that comes next.

        If none has taken this one's place after a while, because whoever asked was killed, it works on.
        """
        _, dispatcher = await self._parts()
        try:
            await dispatcher.drain(self._settings.drain_seconds)
        finally:
            others = self._settings.drain_seconds if self._shards > 1 else 0  # none is ended before all have drained
            asyncio.get_running_loop().call_later(_HANDOVER_SECONDS + others, dispatcher.resume)
            await self._end_scaling()

    async def _end_scaling(self) -> None:
        if self._shard == 0:
            try:
                await self._scaling.end()
            except RayError as error:  # the next queue takes it back
                emit_trouble("slots.kept", error)

    async def close(self) -> None:
        """Let go of the database: for whoever runs the class without Ray, whose end is an actor's."""
        record, _ = await self._parts()
        for loop in self._loops:
            loop.cancel()
        record.close()

    async def _parts(self) -> tuple[Record, Dispatcher]:
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                return await asyncio.shield(self._opening)
        except TimeoutError as error:
            raise self._trouble from error

    async def _open(self) -> tuple[Record, Dispatcher]:
        self._database = Database(self._settings.database_url.get_secret_value())
        self._trouble: RaythumbsError = QueueUnavailable("the queue is starting")
        while True:
            try:
                await asyncio.to_thread(self._database.open)
                break
            except RaythumbsError as error:
                if not error.retryable:
                    raise
                emit_trouble("database.missed", error)
                self._trouble = error
                await asyncio.sleep(1)
        self._trouble = QueueUnavailable("the queue is starting")
        record = Record(self._database)
        await self._divided(record)
        orphans = await record.insist(lambda db, now: Leases(db, self._shard).readopt(now=now))
        emit("queue.opened", shard=self._shard, readopted=len(orphans))
        dispatcher = Dispatcher(
            record,
            self._slots,
            self._run,
            budgets=Budgets(
                lease_seconds=self._settings.lease_seconds,
                max_errors=self._settings.max_errors,
                max_timeouts=self._settings.max_timeouts,
                max_crashes=self._settings.max_crashes,
                min_free_memory_bytes=self._settings.min_free_memory_bytes,
            ),
            chance=random.random,
            shard=self._shard,
        )
        self._admission = Admission(record, self._bounds, folders=self._settings.folders)
        await attempt(self._admission.turn)
        self._reconciler = Reconciler(record, self._plan, self._admission, self._settings)
        self._scaling = Scaling(
            partial(self._work_waiting, record, dispatcher),
            self._slots,
            RayAutoscaler(),
            most=self._settings.max_slots if self._settings.use_parallel_thumbnails else 1,
        )
        await attempt(partial(self._follow, dispatcher))
        loops = [
            forever(dispatcher.turn, every_seconds=1, wake=dispatcher.wake),
            forever(dispatcher.renew, every_seconds=self._settings.lease_seconds / 4),
            forever(partial(self._follow, dispatcher), every_seconds=2),
            forever(dispatcher.reconsider, every_seconds=_RECONSIDER_SECONDS),
            forever(self._admission.turn, every_seconds=1),
            *(self._loops_of_the_record(record) if self._shard == 0 else ()),
        ]
        self._loops = [asyncio.create_task(loop) for loop in loops]
        return record, dispatcher

    def _loops_of_the_record(self, record: Record) -> tuple[Coroutine[Any, Any, None], ...]:
        thumbnails = self._plan.stores.at(self._plan.thumbnails_uri)
        return (
            forever(self._scaling.turn, every_seconds=5),
            forever(self._reconciler.turn, every_seconds=60, wake=self._reconciler.wake),
            forever(Janitor(record, self._settings).turn, every_seconds=10),
            forever(Collector(record, thumbnails, shards=self._shards).turn, every_seconds=5),
        )

    async def _divided(self, record: Record) -> None:
        """Divide the jobs into shards; the others wait until the first has done so."""
        if self._shard == 0:
            await record.insist(lambda db, _now: Shards(db).divide(self._shards))
        while await record.insist(lambda db, _now: Shards(db).count()) != self._shards:  # noqa: ASYNC110 by a process
            await asyncio.sleep(_DIVIDED_SECONDS)

    @property
    def _bounds(self) -> Bounds:
        settings = self._settings
        return Bounds(
            max_backlog=settings.max_backlog,
            min_free_disk_bytes=settings.min_free_disk_bytes,
            min_free_memory_bytes=settings.min_free_memory_bytes,
        )

    async def _work_waiting(self, record: Record, dispatcher: Dispatcher, up_to_seconds: float) -> float:
        """Return the seconds of work of the photos that are due; the other shards have about as many as this one."""
        if dispatcher.draining:
            return 0
        database, each = self._database, dispatcher.photo_seconds * self._shards
        most = math.ceil(up_to_seconds / each)
        return each * await record.read(lambda db: Leases(db).waiting(now=database.now(db), limit=most))

    async def _follow(self, dispatcher: Dispatcher) -> None:
        before = self._slots.total
        self._slots.follow(await self._nodes())
        if self._slots.total > before:
            dispatcher.warm()


def _patience_seconds(plan: Plan) -> float:
    """Return how long a task may be silent: for a photo's own time, and until its thumbnails are stored."""
    return plan.photo_seconds + _PUT_SECONDS * len(plan.specs)
