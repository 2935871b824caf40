"""ThumbnailQueue: the verbs of the durable order of jobs. The only writer of job rows.

A plain class, which tests construct without Ray; `actor.py` makes an actor of it.
"""

import asyncio
from collections.abc import Mapping, Sequence

from ray.exceptions import RayError

from raythumbs.db.deliveries import Deliveries
from raythumbs.db.failures import failures
from raythumbs.db.folders import Folders
from raythumbs.db.found_photos import FoundPhotos
from raythumbs.db.jobs import Jobs
from raythumbs.db.overview import overview
from raythumbs.db.photos import Photos
from raythumbs.db.quarantine import Quarantine
from raythumbs.db.queue_states import QueueStates
from raythumbs.db.reconciliation import Reconciliations
from raythumbs.errors import NotReconciled, RaythumbsError
from raythumbs.events import emit, emit_trouble
from raythumbs.model.attempt import JobHistory
from raythumbs.model.backfill import Backfill, BackfillRequest
from raythumbs.model.figures import Figures
from raythumbs.model.folder import Folder
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.model.job import Change, Job
from raythumbs.model.lease import Lease
from raythumbs.model.overview import Overview, Status
from raythumbs.model.photo import Photo
from raythumbs.model.quarantine import Quarantined, QuarantinedMessage
from raythumbs.model.queue_state import QueueState
from raythumbs.model.reconciliation import Reconciliation
from raythumbs.model.selection import Changed, Failures, Selection
from raythumbs.model.webhook import EndpointState
from raythumbs.queue.admission import free_bytes
from raythumbs.queue.bulk import BulkMoves
from raythumbs.queue.parts import QueueParts
from raythumbs.queue.quarantine import keep
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
        self._bulk = BulkMoves(parts.record, parts.database, shard=parts.given.shard, wake=parts.dispatcher.wake.set)
        self._overviews = Shared(self._overview, seconds=_OVERVIEW_SECONDS)
        self._database_answers: Shared[None, float] = Shared(lambda _: self._record.read(parts.database.now))
        self._loops = [asyncio.create_task(loop.forever()) for loop in parts.loops]

    # --- the verbs of a job

    async def enqueue_all(self, groups: Sequence[Sequence[Change]]) -> list[Mapping[str, Job] | RaythumbsError]:
        """See Entry.enqueue."""
        return await self._parts.entry.enqueue(groups)

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

    async def retry_jobs(self, selection: Selection) -> Changed:
        """Queue up to a thousand failed jobs again."""
        return await self._bulk.retry(selection)

    async def cancel_jobs(self, selection: Selection) -> Changed:
        """End up to a thousand jobs that are not finished."""
        return await self._bulk.cancel(selection)

    # --- pause and resume

    async def queue_state(self) -> QueueState:
        """Return whether the queue is paused, and how many photos are at work in this shard."""
        state = await self._record.read(lambda db: QueueStates(db).get())
        return state.with_running(self._dispatcher.running)

    async def pause(self, reason: str | None = None) -> QueueState:
        """Lease nothing new in any shard until somebody resumes, also after a restart. Photos at work are finished."""
        if await self._record.write(lambda db, now: QueueStates(db).pause(reason, now=now)):
            emit("queue.paused", reason=reason)
        return await self.queue_state()

    async def resume(self) -> QueueState:
        """Lease again. The other shards notice when they next look for work, which is within a second."""
        if await self._record.write(lambda db, _now: QueueStates(db).resume()):
            emit("queue.unpaused")
        self._dispatcher.wake.set()
        return await self.queue_state()

    # --- for batches at work

    async def more(self, ticket: int, room: int, seen: HostLoad | None = None) -> list[Lease]:
        """See Dispatcher.more."""
        return await self._dispatcher.more(ticket, room, seen)

    # --- to look at

    async def job(self, job_id: str) -> JobHistory:
        """Return the job with its newest attempts, or raise UnknownJob."""
        return await self._record.read(lambda db: Jobs(db).history(job_id))

    async def jobs(self, selection: Selection, *, after: str | None, limit: int) -> list[Job]:
        """Return a page of jobs, the newest first."""
        return await self._record.read(lambda db: Jobs(db).list(selection, after=after, limit=limit))

    async def failures(self) -> Failures:
        """Return the failed jobs, grouped by their codes."""
        return await self._record.read(failures)

    async def photo(self, photo_id: str) -> Photo:
        """Return the photo, or raise UnknownPhoto."""
        return await self._record.read(lambda db: Photos(db).get(photo_id))

    async def photos_of_source(self, source: str) -> list[FoundPhoto]:
        """Return the photo at this address with its newest job, or nothing."""
        return await self._record.read(lambda db: FoundPhotos(db).of_source(source))

    async def photos_of_folder(self, folder_id: str, *, after: str | None, limit: int) -> list[FoundPhoto]:
        """Return a page of a folder's photos with their newest jobs, the newest photo first."""
        return await self._record.read(lambda db: FoundPhotos(db).of_folder(folder_id, after=after, limit=limit))

    async def photos_after(self, photo_id: str, *, limit: int) -> list[Photo]:
        """Return a page of all photos, in the order of their ids."""
        return await self._record.read(lambda db: Photos(db).after(photo_id, limit=limit))

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
            queue=await self.queue_state(),
        )

    async def figures(self) -> Figures:
        """Return the status, and what this shard has counted since it started."""
        tally = self._given.telemetry.tally
        counts = tally.counts(fenced_writes=self._dispatcher.late_reports, commits=self._record.commits)
        free = await asyncio.to_thread(free_bytes, self._given.settings.data_dir)
        return Figures(status=await self.status(), shards={self._given.shard: counts}, free_disk_bytes=free)

    async def commits(self) -> int:
        """Return how many times it has written to the database."""
        return self._record.commits

    async def check(self) -> None:
        """Return if the database and the stores answer and more work may be taken, else raise the reason."""
        await self.admit()
        await self._database_answers(None)
        await self._parts.stores_answer()

    # --- messages that cannot be understood

    async def quarantine(self, message: QuarantinedMessage) -> None:
        """Keep a message for a person. When it returns, the message is on disk."""
        await keep(self._record, message)

    async def quarantined(self) -> list[Quarantined]:
        """Return the messages in quarantine, the newest first."""
        return await self._record.read(lambda db: Quarantine(db).list())

    async def quarantined_message(self, message_id: str) -> QuarantinedMessage:
        """Return a message in quarantine, or raise UnknownMessage."""
        return await self._record.read(lambda db: Quarantine(db).get(message_id))

    async def drop_quarantined(self, message_id: str) -> None:
        """Delete a message from quarantine, or raise UnknownMessage."""
        await self._record.write(lambda db, _now: Quarantine(db).drop(message_id))
        emit("message.dropped", message_id=message_id)

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

    # --- backfills

    async def begin_backfill(self, request: BackfillRequest) -> Backfill:
        """Begin to enqueue the photos below an address; the same request again finds the same backfill."""
        return await self._parts.backfiller.begin(request)

    async def backfills(self) -> list[Backfill]:
        """Return the newest backfills, the newest first."""
        return await self._parts.backfiller.all()

    async def backfill(self, backfill_id: str) -> Backfill:
        """Return the backfill, or raise UnknownBackfill."""
        return await self._parts.backfiller.get(backfill_id)

    async def pause_backfill(self, backfill_id: str) -> Backfill:
        """Enqueue nothing more of a backfill until it is resumed."""
        return await self._parts.backfiller.pause(backfill_id)

    async def resume_backfill(self, backfill_id: str) -> Backfill:
        """Let a backfill go on where it was."""
        return await self._parts.backfiller.resume(backfill_id)

    async def cancel_backfill(self, backfill_id: str) -> Backfill:
        """End a backfill. What it has enqueued is rendered."""
        return await self._parts.backfiller.cancel(backfill_id)

    # --- webhooks

    async def webhooks(self) -> Sequence[EndpointState]:
        """Return how the deliveries to each endpoint of webhooks go."""
        return await self._record.read(lambda db: Deliveries(db).endpoints())

    async def retry_webhooks(self) -> Sequence[EndpointState]:
        """Enable every endpoint, and try every delivery again now, also those that were given up."""
        await self._record.write(lambda db, _now: Deliveries(db).enable())
        after: str | None = ""
        while after is not None:  # in slices, each a commit of its own
            after = await self._retry_webhooks_after(after)
        emit("webhooks.retried")
        return await self.webhooks()

    async def _retry_webhooks_after(self, after: str) -> str | None:
        return await self._record.write(lambda db, now: Deliveries(db).retry(now=now, after=after))

    # --- the end

    async def drain(self) -> None:
        """Finish what runs, and queue the rest again. Still take what comes meanwhile: the next queue renders it.

        If no other queue takes over within a while, because the deploy was killed, lease again.
        """
        settings = self._given.settings
        others = settings.drain_seconds if settings.queue_shards > 1 else 0  # none is ended before all have drained
        try:
            await self._dispatcher.drain(settings.drain_seconds)
            await asyncio.gather(*(poller.settle() for poller in self._parts.pollers))
        finally:
            after = self._given.pace.handover_seconds + others
            asyncio.get_running_loop().call_later(after, self._dispatcher.resume)
            await self._end_scaling()
            await self._given.telemetry.flush()

    async def close(self) -> None:
        """Let go of the database. For a queue without Ray: an actor just ends."""
        for loop in self._loops:
            loop.cancel()
        for poller in self._parts.pollers:
            poller.close()
        for courier in self._parts.couriers:
            await courier.close()
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
