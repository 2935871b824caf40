"""ThumbnailQueue: the verbs of the durable order of jobs. The only writer of job rows.

A plain class, which tests construct without Ray; `actor.py` makes an actor of it.
"""

import asyncio
from collections.abc import Mapping, Sequence

from ray.exceptions import RayError

from raythumbs.db.folders import Folders
from raythumbs.db.found_photos import FoundPhotos
from raythumbs.db.intake_groups import enqueue_groups
from raythumbs.db.jobs import Jobs
from raythumbs.db.overview import overview
from raythumbs.db.photos import Photos
from raythumbs.db.reconciliation import Reconciliations
from raythumbs.errors import NotReconciled, RaythumbsError
from raythumbs.events import emit, emit_trouble
from raythumbs.model.folder import Folder
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.model.job import Change, Job, State
from raythumbs.model.lease import Lease
from raythumbs.model.overview import Overview, Status
from raythumbs.model.photo import Photo
from raythumbs.model.reconciliation import Reconciliation
from raythumbs.queue.parts import QueueParts
from raythumbs.queue.shared_answers import Shared
from raythumbs.worker.host_load import HostLoad

_OVERVIEW_SECONDS = 0.2  # how old the counts of a status may be


class ThumbnailQueue:
    """The verbs over finished parts; it runs their loops from the moment it is made.

    With several shards, each leases its own jobs into its share of the slots. The first also does what concerns the
    whole record: reconciling, pruning, collecting. Any of them answers what is asked by an id.
    """

    def __init__(self, parts: QueueParts) -> None:
        self._parts = parts
        self._given = parts.given
        self._record = parts.record
        self._dispatcher = parts.dispatcher
        self._overviews = Shared(self._overview, seconds=_OVERVIEW_SECONDS)
        self._database_answers = Shared(self._ask_database)
        self._loops = [asyncio.create_task(loop.forever()) for loop in parts.loops]

    # --- the verbs of a job

    async def enqueue_all(self, groups: Sequence[Sequence[Change]]) -> list[Mapping[str, Job] | RaythumbsError]:
        """Make jobs of each group of changes, with one commit for all groups; see Intake.enqueue.

        Return each group's jobs by their sources, or the group's own error. When it returns, they are on disk.
        """
        self._parts.admission.check()
        answers = await enqueue_groups(self._record, groups, shards=self._given.settings.queue_shards)
        jobs = sum(len(answer) for answer in answers if not isinstance(answer, RaythumbsError))
        self._parts.admission.took(jobs)
        emit("jobs.enqueued", jobs=jobs, changes=sum(map(len, groups)))
        self._dispatcher.wake.set()
        return answers

    async def admit(self) -> None:
        """Return if more work may be taken, else raise Overloaded."""
        self._parts.admission.check()

    async def cancel(self, job_id: str) -> Job:
        """End a job that is not finished."""
        job = await self._record.write(lambda db, now: Jobs(db).cancel(job_id, now=now))
        emit("job.cancelled", job_id=job_id)
        return job

    async def retry(self, job_id: str) -> Job:
        """Queue a failed job again."""
        job = await self._record.write(lambda db, now: Jobs(db).retry(job_id, now=now))
        emit("job.retried", job_id=job_id)
        self._dispatcher.wake.set()
        return job

    # --- for batches at work

    async def more(self, ticket: int, room: int, seen: HostLoad | None = None) -> list[Lease]:
        """See Dispatcher.more."""
        return await self._dispatcher.more(ticket, room, seen)

    # --- to look at

    async def job(self, job_id: str) -> Job:
        """Return the job, or raise UnknownJob."""
        return await self._record.read(lambda db: Jobs(db).get(job_id))

    async def jobs(self, *, state: State | None, after: str | None, limit: int) -> list[Job]:
        """Return a page of jobs, the newest first."""
        return await self._record.read(lambda db: Jobs(db).list(state=state, after=after, limit=limit))

    async def photo(self, photo_id: str) -> Photo:
        """Return the photo, or raise UnknownPhoto."""
        return await self._record.read(lambda db: Photos(db).get(photo_id))

    async def photos_of_source(self, source: str) -> list[FoundPhoto]:
        """Return the photo at this address with its newest job, or nothing."""
        return await self._record.read(lambda db: FoundPhotos(db).of_source(source))

    async def photos_of_folder(self, folder_id: str, *, after: str | None, limit: int) -> list[FoundPhoto]:
        """Return a page of a folder's photos with their newest jobs, the newest photo first."""
        return await self._record.read(lambda db: FoundPhotos(db).of_folder(folder_id, after=after, limit=limit))

    async def folder(self, folder_id: str) -> Folder:
        """Count the photos of a folder."""
        return await self._record.read(lambda db: Folders(db).get(folder_id))

    async def status(self) -> Status:
        """Return the figures of the queue; the counts are at most a fifth of a second old."""
        slots = self._parts.slots
        return Status(
            overview=await self._overviews(None),
            nodes=slots.by_node(),
            busy=slots.busy,
            total=slots.total,
            running=self._dispatcher.running,
            late_reports=self._dispatcher.late_reports,
            draining=self._dispatcher.draining,
        )

    async def commits(self) -> int:
        """Return how many times it has written to the database."""
        return self._record.commits

    async def check(self) -> None:
        """Return if the database and the stores answer and more work may be taken, else raise the reason."""
        self._parts.admission.check()
        await self._database_answers(None)
        await self._parts.stores_answer()

    # --- the stores

    async def reconcile(self) -> Reconciliation:
        """Begin to compare the stores with the record, if no comparison runs already."""
        return await self._parts.reconciler.ask()

    async def reconciliation(self) -> Reconciliation:
        """Return the reconciliation that runs, or the last one; raise NotReconciled if there was none."""
        last = await self._record.read(lambda db: Reconciliations(db).last())
        if last is None:
            raise NotReconciled("there was no reconciliation yet: POST /api/reconciliation begins one")
        return last

    # --- the end

    async def drain(self) -> None:
        """Finish what runs, and queue the rest again. Still take what comes meanwhile: the next queue renders it.

        If no other queue takes over within a while, because the deploy was killed, lease again.
        """
        settings = self._given.settings
        try:
            await self._dispatcher.drain(settings.drain_seconds)
        finally:
            others = settings.drain_seconds if settings.queue_shards > 1 else 0  # none is ended before all have drained
            loop = asyncio.get_running_loop()
            loop.call_later(self._given.pace.handover_seconds + others, self._dispatcher.resume)
            await self._end_scaling()

    async def close(self) -> None:
        """Let go of the database. For a queue without Ray: an actor just ends."""
        for loop in self._loops:
            loop.cancel()
        self._record.close()

    async def _end_scaling(self) -> None:
        if self._given.shard == 0:
            try:
                await self._parts.scaling.end()
            except RayError as error:  # the next queue takes it back
                emit_trouble("slots.kept", error)

    async def _overview(self, _: None) -> Overview:
        database = self._parts.database
        return await self._record.read(lambda db: overview(db, now=database.now(db)))

    async def _ask_database(self, _: None) -> None:
        await self._record.read(self._parts.database.now)
