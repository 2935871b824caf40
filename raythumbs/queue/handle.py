"""QueueHandle: the queue's verbs for callers in other processes. It hides Ray and restarts of the actor."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from raythumbs.model.attempt import JobHistory
from raythumbs.model.backfill import Backfill, BackfillRequest
from raythumbs.model.figures import Figures
from raythumbs.model.folder import Folder
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.model.job import Change, Job
from raythumbs.model.overview import Status
from raythumbs.model.photo import Photo
from raythumbs.model.quarantine import Quarantined, QuarantinedMessage
from raythumbs.model.queue_state import QueueState
from raythumbs.model.reconciliation import Reconciliation
from raythumbs.model.selection import Changed, Failures, Selection
from raythumbs.model.shard import shard_of
from raythumbs.model.webhook import EndpointState
from raythumbs.queue.actor import ThumbnailQueueActor
from raythumbs.queue.actors import ActorOf, Actors, TimeLimit, named_actor, time_limit
from raythumbs.queue.coalescer import Coalescer
from raythumbs.queue.shared_answers import Shared

if TYPE_CHECKING:
    from raythumbs.queue.thumbnail_queue import ThumbnailQueue
else:  # Only the verbs' names are needed, and the queue's own imports would cost each replica a second of CPU.
    ThumbnailQueue = ThumbnailQueueActor

_ADMITTED_SECONDS = 1.0
_CHANGES_A_CALL = 1000  # more would delay a small request behind them

_SHARED_SECONDS = 0.2
_FIGURES_SECONDS = 1.0  # Prometheus asks every fifteen seconds or so
_BACKFILLS_SECONDS = 1.0  # the failed photos of each are counted
_PAGES_AT_ONCE = 2  # a page of a thousand jobs takes the queue some 20 ms

P = ParamSpec("P")
T = TypeVar("T")


class QueueHandle:
    """The verbs of a queue's actors. Those about one job or the whole record go to the first actor. See Actors."""

    def __init__(self, shards: int = 1, *, actor_of: ActorOf = named_actor, time_limit: TimeLimit = time_limit) -> None:
        self._actors = Actors(shards, actor_of=actor_of, limit=time_limit)
        self._admitted_until = 0.0
        self._pages_at_once = asyncio.Semaphore(_PAGES_AT_ONCE)
        # Callers that ask for the same at one time share one answer, so that they do not slow down the queue.
        self._admits = Shared(self._admit)
        self._statuses = Shared(self._status, seconds=_SHARED_SECONDS)
        self._figures = Shared(self._ask_figures, seconds=_FIGURES_SECONDS)
        self._checks = Shared(self._check, seconds=_SHARED_SECONDS)
        self._failures = Shared(self._ask_failures, seconds=_SHARED_SECONDS)
        self._queue_states = Shared(self._queue_state, seconds=_SHARED_SECONDS)
        self._pages = Shared(self._page)
        self._found = Shared(self._photos_of_source)
        self._folders = Shared(self._folder, seconds=_SHARED_SECONDS)
        self._reconciliations = Shared(self._reconciliation, seconds=_SHARED_SECONDS)
        self._backfills = Shared(self._backfill, seconds=_SHARED_SECONDS)
        self._all_backfills = Shared(self._ask_backfills, seconds=_BACKFILLS_SECONDS)
        self._webhooks = Shared(self._ask_webhooks, seconds=_SHARED_SECONDS)
        self._intakes = [self._intake(shard) for shard in self._actors.shards]

    async def _first(
        self, verb: Callable[Concatenate[Any, P], Awaitable[T]], *arguments: P.args, **options: P.kwargs
    ) -> T:
        return await self._actors.ask(0, verb, *arguments, **options)

    async def enqueue(self, changes: Sequence[Change]) -> list[Job]:
        """Enqueue changes with the shards of their sources; return the jobs in the order of the changes.

        Asking twice is the same as once, so a restart of an actor in between is harmless. See Intake.enqueue.
        """
        by_shard: dict[int, list[Change]] = {}
        for change in changes:
            by_shard.setdefault(shard_of(change.source, len(self._actors.shards)), []).append(change)
        async with self._actors.patience():  # a time limit of its own: the shared call may begin late
            answers = await asyncio.gather(*(self._intakes[shard].ask(own) for shard, own in by_shard.items()))
        return in_order(changes, {source: job for answer in answers for source, job in answer.items()})

    def _intake(self, shard: int) -> Coalescer[Sequence[Change], Mapping[str, Job]]:
        return Coalescer(
            lambda groups: self._actors.ask(shard, ThumbnailQueue.enqueue_all, groups),
            most=_CHANGES_A_CALL,
            weigh=len,
            forgets_who_left=True,  # a client that got an error may send its changes again, or never
        )

    async def admit(self) -> None:
        """See ThumbnailQueue.admit. Asked once a second; in between, `enqueue` refuses what is too much."""
        now = asyncio.get_running_loop().time()
        if now > self._admitted_until:
            await self._admits(None)
            self._admitted_until = now + _ADMITTED_SECONDS

    async def _admit(self, _: None) -> None:
        await self._first(ThumbnailQueue.admit)

    async def cancel(self, job_id: str) -> Job:
        """See ThumbnailQueue.cancel."""
        return await self._first(ThumbnailQueue.cancel, job_id)

    async def retry(self, job_id: str) -> Job:
        """See ThumbnailQueue.retry."""
        return await self._first(ThumbnailQueue.retry, job_id)

    async def queue_state(self) -> QueueState:
        """See ThumbnailQueue.queue_state; of all shards. Callers within a fifth of a second share one answer."""
        return await self._queue_states(None)

    async def _queue_state(self, _: None) -> QueueState:
        states = await self._actors.ask_all(ThumbnailQueue.queue_state)
        return states[0].with_running(sum(one.running for one in states))

    async def pause(self, reason: str | None = None) -> QueueState:
        """See ThumbnailQueue.pause."""
        await self._first(ThumbnailQueue.pause, reason)
        return await self._queue_state(None)

    async def resume(self) -> QueueState:
        """See ThumbnailQueue.resume."""
        await self._first(ThumbnailQueue.resume)
        return await self._queue_state(None)

    async def job(self, job_id: str) -> JobHistory:
        """See ThumbnailQueue.job."""
        return await self._first(ThumbnailQueue.job, job_id)

    async def jobs(self, selection: Selection, *, after: str | None, limit: int) -> list[Job]:
        """See ThumbnailQueue.jobs. At most two pages are read at one time; callers of the same page share it."""
        return await self._pages((selection, after, limit))

    async def _page(self, asked: tuple[Selection, str | None, int]) -> list[Job]:
        selection, after, limit = asked
        async with self._pages_at_once:
            return await self._first(ThumbnailQueue.jobs, selection, after=after, limit=limit)

    async def retry_jobs(self, selection: Selection) -> Changed:
        """See ThumbnailQueue.retry_jobs."""
        return await self._first(ThumbnailQueue.retry_jobs, selection)

    async def cancel_jobs(self, selection: Selection) -> Changed:
        """See ThumbnailQueue.cancel_jobs."""
        return await self._first(ThumbnailQueue.cancel_jobs, selection)

    async def failures(self) -> Failures:
        """See ThumbnailQueue.failures; callers within a fifth of a second share one answer."""
        return await self._failures(None)

    async def _ask_failures(self, _: None) -> Failures:
        return await self._first(ThumbnailQueue.failures)

    async def photo(self, photo_id: str) -> Photo:
        """See ThumbnailQueue.photo."""
        return await self._first(ThumbnailQueue.photo, photo_id)

    async def photos_of_source(self, source: str) -> list[FoundPhoto]:
        """See ThumbnailQueue.photos_of_source; callers at one time share one answer."""
        return await self._found(source)

    async def _photos_of_source(self, source: str) -> list[FoundPhoto]:
        return await self._first(ThumbnailQueue.photos_of_source, source)

    async def photos_of_folder(self, folder_id: str, *, after: str | None, limit: int) -> list[FoundPhoto]:
        """See ThumbnailQueue.photos_of_folder. At most two pages are read at one time."""
        async with self._pages_at_once:
            return await self._first(ThumbnailQueue.photos_of_folder, folder_id, after=after, limit=limit)

    async def photos_after(self, photo_id: str, *, limit: int) -> list[Photo]:
        """See ThumbnailQueue.photos_after. At most two pages are read at one time."""
        async with self._pages_at_once:
            return await self._first(ThumbnailQueue.photos_after, photo_id, limit=limit)

    async def folder(self, folder_id: str) -> Folder:
        """See ThumbnailQueue.folder; callers within a fifth of a second share one answer."""
        return await self._folders(folder_id)

    async def _folder(self, folder_id: str) -> Folder:
        return await self._first(ThumbnailQueue.folder, folder_id)

    async def status(self) -> Status:
        """See ThumbnailQueue.status; callers within a fifth of a second share one answer."""
        return await self._statuses(None)

    async def _status(self, _: None) -> Status:
        return Status.of_shards(await self._actors.ask_all(ThumbnailQueue.status))

    async def figures(self) -> Figures:
        """See ThumbnailQueue.figures; of all shards. Callers within a second share one answer."""
        return await self._figures(None)

    async def _ask_figures(self, _: None) -> Figures:
        return Figures.of_shards(await self._actors.ask_all(ThumbnailQueue.figures))

    async def reconcile(self) -> Reconciliation:
        """See ThumbnailQueue.reconcile."""
        return await self._first(ThumbnailQueue.reconcile)

    async def reconciliation(self) -> Reconciliation:
        """See ThumbnailQueue.reconciliation."""
        return await self._reconciliations(None)

    async def _reconciliation(self, _: None) -> Reconciliation:
        return await self._first(ThumbnailQueue.reconciliation)

    async def begin_backfill(self, request: BackfillRequest) -> Backfill:
        """See ThumbnailQueue.begin_backfill."""
        return await self._first(ThumbnailQueue.begin_backfill, request)

    async def backfills(self) -> list[Backfill]:
        """See ThumbnailQueue.backfills; callers within a second share one answer."""
        return await self._all_backfills(None)

    async def _ask_backfills(self, _: None) -> list[Backfill]:
        return await self._first(ThumbnailQueue.backfills)

    async def backfill(self, backfill_id: str) -> Backfill:
        """See ThumbnailQueue.backfill; callers within a fifth of a second share one answer."""
        return await self._backfills(backfill_id)

    async def _backfill(self, backfill_id: str) -> Backfill:
        return await self._first(ThumbnailQueue.backfill, backfill_id)

    async def pause_backfill(self, backfill_id: str) -> Backfill:
        """See ThumbnailQueue.pause_backfill."""
        return await self._first(ThumbnailQueue.pause_backfill, backfill_id)

    async def resume_backfill(self, backfill_id: str) -> Backfill:
        """See ThumbnailQueue.resume_backfill."""
        return await self._first(ThumbnailQueue.resume_backfill, backfill_id)

    async def cancel_backfill(self, backfill_id: str) -> Backfill:
        """See ThumbnailQueue.cancel_backfill."""
        return await self._first(ThumbnailQueue.cancel_backfill, backfill_id)

    async def quarantine(self, message: QuarantinedMessage) -> None:
        """See ThumbnailQueue.quarantine."""
        await self._first(ThumbnailQueue.quarantine, message)

    async def quarantined(self) -> list[Quarantined]:
        """See ThumbnailQueue.quarantined."""
        return await self._first(ThumbnailQueue.quarantined)

    async def quarantined_message(self, message_id: str) -> QuarantinedMessage:
        """See ThumbnailQueue.quarantined_message."""
        return await self._first(ThumbnailQueue.quarantined_message, message_id)

    async def drop_quarantined(self, message_id: str) -> None:
        """See ThumbnailQueue.drop_quarantined."""
        await self._first(ThumbnailQueue.drop_quarantined, message_id)

    async def webhooks(self) -> Sequence[EndpointState]:
        """See ThumbnailQueue.webhooks; callers within a fifth of a second share one answer."""
        return await self._webhooks(None)

    async def _ask_webhooks(self, _: None) -> Sequence[EndpointState]:
        return await self._first(ThumbnailQueue.webhooks)

    async def retry_webhooks(self) -> Sequence[EndpointState]:
        """See ThumbnailQueue.retry_webhooks."""
        return await self._first(ThumbnailQueue.retry_webhooks)

    async def secrets(self) -> dict[str, str]:
        """See ThumbnailQueueActor.secrets."""
        return await self._first(ThumbnailQueueActor.secrets)

    async def check(self) -> None:
        """See ThumbnailQueue.check; callers within a fifth of a second share one answer."""
        await self._checks(None)

    async def _check(self, _: None) -> None:
        await self._actors.ask_all(ThumbnailQueue.check)


def in_order(changes: Sequence[Change], jobs: Mapping[str, Job]) -> list[Job]:
    """Return the jobs, each once, in the order in which the changes name their sources."""
    return [jobs[source] for source in dict.fromkeys(change.source for change in changes) if source in jobs]
