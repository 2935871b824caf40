"""QueueHandle: the queue's verbs for callers in other processes. It hides Ray and restarts of the actor."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from raythumbs.cluster.join import NAMESPACE
from raythumbs.errors import QueueUnavailable, RaythumbsError
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
from raythumbs.queue.coalescer import Coalescer
from raythumbs.queue.shared_answers import Shared
from raythumbs.queue.thumbnail_queue import ThumbnailQueue

NAME = "raythumbs-queue"
_ANSWER_SECONDS = 15.0  # a restarted actor is back in two
RETRY_SECONDS = 0.2
_ADMITTED_SECONDS = 1.0
_CHANGES_A_CALL = 1000  # more would delay a small request behind them

_SHARED_SECONDS = 0.2
_FIGURES_SECONDS = 1.0  # Prometheus asks every fifteen seconds or so
_BACKFILLS_SECONDS = 1.0  # the failed photos of each are counted
_PAGES_AT_ONCE = 2  # a page of a thousand jobs takes the queue some 20 ms

P = ParamSpec("P")
T = TypeVar("T")
ActorOf = Callable[[int], Any]
TimeLimit = Callable[[], asyncio.Timeout]


def name_of(shard: int) -> str:
    """Return the name of a shard's actor."""
    return f"{NAME}-{shard}" if shard else NAME


def named_actor(shard: int) -> Any:  # noqa: ANN401 Ray's handles have no type
    """Return a shard's actor. If a deploy made fewer shards, return the first, which takes any change."""
    try:
        return ray.get_actor(name_of(shard), NAMESPACE)
    except ValueError:
        if not shard:
            raise
        return ray.get_actor(NAME, NAMESPACE)


def _time_limit() -> asyncio.Timeout:
    return asyncio.timeout(_ANSWER_SECONDS)


class QueueHandle:
    """Talks to the actors of a queue by their names, so that it finds those that a deploy put in their place.

    Verbs about one job or the whole record go to the first actor. `actor_of` finds a shard's actor, or raises
    ValueError. `time_limit` begins the time within which it must answer.
    """

    def __init__(
        self, shards: int = 1, *, actor_of: ActorOf = named_actor, time_limit: TimeLimit = _time_limit
    ) -> None:
        self._shards = range(shards)
        self._actor_of = actor_of
        self._time_limit = time_limit
        self._actors: dict[int, Any] = {}
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
        self._intakes = [self._intake(shard) for shard in self._shards]

    async def enqueue(self, changes: Sequence[Change]) -> list[Job]:
        """Enqueue changes with the shards of their sources; return the jobs in the order of the changes.

        Asking twice is the same as once, so a restart of an actor in between is harmless. See Intake.enqueue.
        """
        by_shard: dict[int, list[Change]] = {}
        for change in changes:
            by_shard.setdefault(shard_of(change.source, len(self._shards)), []).append(change)
        async with self._patience():  # a time limit of its own: the shared call may begin late
            answers = await asyncio.gather(*(self._intakes[shard].ask(own) for shard, own in by_shard.items()))
        return in_order(changes, {source: job for answer in answers for source, job in answer.items()})

    def _intake(self, shard: int) -> Coalescer[Sequence[Change], Mapping[str, Job]]:
        return Coalescer(
            lambda groups: self._ask_shard(shard, ThumbnailQueue.enqueue_all, groups),
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
        await self._ask_shard(0, ThumbnailQueue.admit)

    async def cancel(self, job_id: str) -> Job:
        """See ThumbnailQueue.cancel."""
        return await self._ask_shard(0, ThumbnailQueue.cancel, job_id)

    async def retry(self, job_id: str) -> Job:
        """See ThumbnailQueue.retry."""
        return await self._ask_shard(0, ThumbnailQueue.retry, job_id)

    async def queue_state(self) -> QueueState:
        """See ThumbnailQueue.queue_state; of all shards. Callers within a fifth of a second share one answer."""
        return await self._queue_states(None)

    async def _queue_state(self, _: None) -> QueueState:
        ask = (self._ask_shard(shard, ThumbnailQueue.queue_state) for shard in self._shards)
        states = await asyncio.gather(*ask)
        return states[0].with_running(sum(one.running for one in states))

    async def pause(self, reason: str | None = None) -> QueueState:
        """See ThumbnailQueue.pause."""
        await self._ask_shard(0, ThumbnailQueue.pause, reason)
        return await self._queue_state(None)

    async def resume(self) -> QueueState:
        """See ThumbnailQueue.resume."""
        await self._ask_shard(0, ThumbnailQueue.resume)
        return await self._queue_state(None)

    async def job(self, job_id: str) -> JobHistory:
        """See ThumbnailQueue.job."""
        return await self._ask_shard(0, ThumbnailQueue.job, job_id)

    async def jobs(self, selection: Selection, *, after: str | None, limit: int) -> list[Job]:
        """See ThumbnailQueue.jobs. At most two pages are read at one time; callers of the same page share it."""
        return await self._pages((selection, after, limit))

    async def _page(self, asked: tuple[Selection, str | None, int]) -> list[Job]:
        selection, after, limit = asked
        async with self._pages_at_once:
            return await self._ask_shard(0, ThumbnailQueue.jobs, selection, after=after, limit=limit)

    async def retry_jobs(self, selection: Selection) -> Changed:
        """See ThumbnailQueue.retry_jobs."""
        return await self._ask_shard(0, ThumbnailQueue.retry_jobs, selection)

    async def cancel_jobs(self, selection: Selection) -> Changed:
        """See ThumbnailQueue.cancel_jobs."""
        return await self._ask_shard(0, ThumbnailQueue.cancel_jobs, selection)

    async def failures(self) -> Failures:
        """See ThumbnailQueue.failures; callers within a fifth of a second share one answer."""
        return await self._failures(None)

    async def _ask_failures(self, _: None) -> Failures:
        return await self._ask_shard(0, ThumbnailQueue.failures)

    async def photo(self, photo_id: str) -> Photo:
        """See ThumbnailQueue.photo."""
        return await self._ask_shard(0, ThumbnailQueue.photo, photo_id)

    async def photos_of_source(self, source: str) -> list[FoundPhoto]:
        """See ThumbnailQueue.photos_of_source; callers at one time share one answer."""
        return await self._found(source)

    async def _photos_of_source(self, source: str) -> list[FoundPhoto]:
        return await self._ask_shard(0, ThumbnailQueue.photos_of_source, source)

    async def photos_of_folder(self, folder_id: str, *, after: str | None, limit: int) -> list[FoundPhoto]:
        """See ThumbnailQueue.photos_of_folder. At most two pages are read at one time."""
        async with self._pages_at_once:
            return await self._ask_shard(0, ThumbnailQueue.photos_of_folder, folder_id, after=after, limit=limit)

    async def photos_after(self, photo_id: str, *, limit: int) -> list[Photo]:
        """See ThumbnailQueue.photos_after. At most two pages are read at one time."""
        async with self._pages_at_once:
            return await self._ask_shard(0, ThumbnailQueue.photos_after, photo_id, limit=limit)

    async def folder(self, folder_id: str) -> Folder:
        """See ThumbnailQueue.folder; callers within a fifth of a second share one answer."""
        return await self._folders(folder_id)

    async def _folder(self, folder_id: str) -> Folder:
        return await self._ask_shard(0, ThumbnailQueue.folder, folder_id)

    async def status(self) -> Status:
        """See ThumbnailQueue.status; callers within a fifth of a second share one answer."""
        return await self._statuses(None)

    async def _status(self, _: None) -> Status:
        ask = (self._ask_shard(shard, ThumbnailQueue.status) for shard in self._shards)
        return Status.of_shards(await asyncio.gather(*ask))

    async def figures(self) -> Figures:
        """See ThumbnailQueue.figures; of all shards. Callers within a second share one answer."""
        return await self._figures(None)

    async def _ask_figures(self, _: None) -> Figures:
        ask = (self._ask_shard(shard, ThumbnailQueue.figures) for shard in self._shards)
        return Figures.of_shards(await asyncio.gather(*ask))

    async def reconcile(self) -> Reconciliation:
        """See ThumbnailQueue.reconcile."""
        return await self._ask_shard(0, ThumbnailQueue.reconcile)

    async def reconciliation(self) -> Reconciliation:
        """See ThumbnailQueue.reconciliation."""
        return await self._reconciliations(None)

    async def _reconciliation(self, _: None) -> Reconciliation:
        return await self._ask_shard(0, ThumbnailQueue.reconciliation)

    async def begin_backfill(self, request: BackfillRequest) -> Backfill:
        """See ThumbnailQueue.begin_backfill."""
        return await self._ask_shard(0, ThumbnailQueue.begin_backfill, request)

    async def backfills(self) -> list[Backfill]:
        """See ThumbnailQueue.backfills; callers within a second share one answer."""
        return await self._all_backfills(None)

    async def _ask_backfills(self, _: None) -> list[Backfill]:
        return await self._ask_shard(0, ThumbnailQueue.backfills)

    async def backfill(self, backfill_id: str) -> Backfill:
        """See ThumbnailQueue.backfill; callers within a fifth of a second share one answer."""
        return await self._backfills(backfill_id)

    async def _backfill(self, backfill_id: str) -> Backfill:
        return await self._ask_shard(0, ThumbnailQueue.backfill, backfill_id)

    async def pause_backfill(self, backfill_id: str) -> Backfill:
        """See ThumbnailQueue.pause_backfill."""
        return await self._ask_shard(0, ThumbnailQueue.pause_backfill, backfill_id)

    async def resume_backfill(self, backfill_id: str) -> Backfill:
        """See ThumbnailQueue.resume_backfill."""
        return await self._ask_shard(0, ThumbnailQueue.resume_backfill, backfill_id)

    async def cancel_backfill(self, backfill_id: str) -> Backfill:
        """See ThumbnailQueue.cancel_backfill."""
        return await self._ask_shard(0, ThumbnailQueue.cancel_backfill, backfill_id)

    async def quarantine(self, message: QuarantinedMessage) -> None:
        """See ThumbnailQueue.quarantine."""
        await self._ask_shard(0, ThumbnailQueue.quarantine, message)

    async def quarantined(self) -> list[Quarantined]:
        """See ThumbnailQueue.quarantined."""
        return await self._ask_shard(0, ThumbnailQueue.quarantined)

    async def quarantined_message(self, message_id: str) -> QuarantinedMessage:
        """See ThumbnailQueue.quarantined_message."""
        return await self._ask_shard(0, ThumbnailQueue.quarantined_message, message_id)

    async def drop_quarantined(self, message_id: str) -> None:
        """See ThumbnailQueue.drop_quarantined."""
        await self._ask_shard(0, ThumbnailQueue.drop_quarantined, message_id)

    async def webhooks(self) -> Sequence[EndpointState]:
        """See ThumbnailQueue.webhooks; callers within a fifth of a second share one answer."""
        return await self._webhooks(None)

    async def _ask_webhooks(self, _: None) -> Sequence[EndpointState]:
        return await self._ask_shard(0, ThumbnailQueue.webhooks)

    async def retry_webhooks(self) -> Sequence[EndpointState]:
        """See ThumbnailQueue.retry_webhooks."""
        return await self._ask_shard(0, ThumbnailQueue.retry_webhooks)

    async def secrets(self) -> dict[str, str]:
        """See ThumbnailQueueActor.secrets."""
        return await self._ask_shard(0, ThumbnailQueueActor.secrets)

    async def check(self) -> None:
        """See ThumbnailQueue.check; callers within a fifth of a second share one answer."""
        await self._checks(None)

    async def _check(self, _: None) -> None:
        await asyncio.gather(*(self._ask_shard(shard, ThumbnailQueue.check) for shard in self._shards))

    async def _ask_shard(
        self,
        shard: int,
        verb: Callable[Concatenate[Any, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Return what a shard's actor answers; wait for an actor that restarts, or is being replaced."""
        async with self._patience():
            while True:
                try:
                    if shard not in self._actors:
                        self._actors[shard] = await asyncio.to_thread(self._actor_of, shard)
                    remote = getattr(self._actors[shard], verb.__name__).remote
                    return cast("T", await remote(*arguments, **options))
                except RayTaskError as error:
                    if isinstance(error.cause, RaythumbsError):
                        raise error.cause from None
                    raise
                except (ActorUnavailableError, ActorDiedError, ValueError):  # ValueError: no actor has the name now
                    self._actors.pop(shard, None)
                    await asyncio.sleep(RETRY_SECONDS)

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        try:
            async with self._time_limit():
                yield
        except TimeoutError as error:
            raise QueueUnavailable("the queue does not answer; try again in a few seconds") from error


def in_order(changes: Sequence[Change], jobs: Mapping[str, Job]) -> list[Job]:
    """Return the jobs, each once, in the order in which the changes name their sources."""
    return [jobs[source] for source in dict.fromkeys(change.source for change in changes) if source in jobs]
