"""QueueHandle: the queue's verbs, awaitable; Ray is hidden, and so is a restart of the actor."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from raythumbs.engine.cluster import NAMESPACE
from raythumbs.engine.groups import Group
from raythumbs.engine.queue import ThumbnailQueue
from raythumbs.engine.together import Together
from raythumbs.errors import QueueUnavailable, RaythumbsError
from raythumbs.events import emit
from raythumbs.model.job import Change, Job, State
from raythumbs.model.overview import Status
from raythumbs.model.photo import Photo
from raythumbs.model.reconciliation import Reconciliation
from raythumbs.settings import Settings

NAME = "raythumbs-queue"
_ANSWER_SECONDS = 15.0  # a restarted actor is back in two
_RETRY_SECONDS = 0.2
_ADMITTED_SECONDS = 1.0
_CHANGES_A_CALL = 1000  # more would keep a lone one waiting behind them
_DRAIN_SECONDS = 120.0  # more than any sensible `drain_seconds`
_HEAD = "node:__internal_head__"

T = TypeVar("T")


class QueueHandle:
    """Talks to the actor by its name, so that it finds the one that a deploy put in its place."""

    def __init__(self) -> None:
        self._actor: Any = None
        self._admitted_until = 0.0
        self._intake: Together[Group, list[Job]] = Together(
            lambda groups: self._ask(lambda queue: queue.enqueue_all.remote(groups)), most=_CHANGES_A_CALL, weigh=len
        )

    async def enqueue(self, changes: Sequence[Change]) -> list[Job]:
        """See ThumbnailQueue.enqueue. Asking twice is the same as once, so a restart in between is harmless."""
        async with _patience(_ANSWER_SECONDS):  # one's own: the call before may have taken its time
            return await self._intake.ask(changes)

    async def admit(self) -> None:
        """See ThumbnailQueue.admit. It is asked once a second: what came in since is refused by `enqueue`."""
        now = asyncio.get_running_loop().time()
        if now > self._admitted_until:
            await self._ask(lambda queue: queue.admit.remote())
            self._admitted_until = now + _ADMITTED_SECONDS

    async def cancel(self, job_id: str) -> Job:
        """See ThumbnailQueue.cancel."""
        return await self._ask(lambda queue: queue.cancel.remote(job_id))

    async def retry(self, job_id: str) -> Job:
        """See ThumbnailQueue.retry."""
        return await self._ask(lambda queue: queue.retry.remote(job_id))

    async def job(self, job_id: str) -> Job:
        """See ThumbnailQueue.job."""
        return await self._ask(lambda queue: queue.job.remote(job_id))

    async def jobs(self, *, state: State | None, after: str | None, limit: int) -> list[Job]:
        """See ThumbnailQueue.jobs."""
        return await self._ask(lambda queue: queue.jobs.remote(state=state, after=after, limit=limit))

    async def photo(self, photo_id: str) -> Photo:
        """See ThumbnailQueue.photo."""
        return await self._ask(lambda queue: queue.photo.remote(photo_id))

    async def status(self) -> Status:
        """See ThumbnailQueue.status."""
        return await self._ask(lambda queue: queue.status.remote())

    async def reconcile(self) -> Reconciliation:
        """See ThumbnailQueue.reconcile."""
        return await self._ask(lambda queue: queue.reconcile.remote())

    async def reconciliation(self) -> Reconciliation:
        """See ThumbnailQueue.reconciliation."""
        return await self._ask(lambda queue: queue.reconciliation.remote())

    async def check(self) -> None:
        """See ThumbnailQueue.check."""
        await self._ask(lambda queue: queue.check.remote())

    async def drain(self) -> None:
        """See ThumbnailQueue.drain."""
        await self._ask(lambda queue: queue.drain.remote(), seconds=_DRAIN_SECONDS)

    async def _ask(self, verb: Callable[[Any], Awaitable[T]], *, seconds: float | None = _ANSWER_SECONDS) -> T:
        async with _patience(seconds):
            while True:
                try:
                    if self._actor is None:
                        self._actor = await asyncio.to_thread(ray.get_actor, NAME, NAMESPACE)
                    return await verb(self._actor)
                except RayTaskError as error:
                    if isinstance(error.cause, RaythumbsError):
                        raise error.cause from None
                    raise
                except (ActorUnavailableError, ActorDiedError, ValueError):  # ValueError: no actor has the name now
                    self._actor = None
                    await asyncio.sleep(_RETRY_SECONDS)


@asynccontextmanager
async def _patience(seconds: float | None) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise QueueUnavailable("the queue does not answer; try again in a few seconds") from error


async def start_queue(settings: Settings) -> QueueHandle:
    """Return a handle of the queue for these settings. One with other settings, or older code, is drained and ended."""
    handle = QueueHandle()
    while True:
        queue = await asyncio.to_thread(begin_queue, settings)
        try:
            if await queue.identity.remote() == settings.identity:
                return handle
            await queue.drain.remote()
            ray.kill(queue)
        except (ActorUnavailableError, ActorDiedError):
            await asyncio.sleep(_RETRY_SECONDS)


async def stop_queue() -> None:
    """Drain the queue and end its actor; one that cannot drain loses nothing, for its jobs are in the database."""
    try:
        await QueueHandle().drain()
    except RaythumbsError as error:
        emit("queue.undrained", reason=error.reason)
    with suppress(ValueError):  # no actor has the name
        ray.kill(await asyncio.to_thread(ray.get_actor, NAME, NAMESPACE))


def begin_queue(settings: Settings) -> Any:  # noqa: ANN401 Ray's handles have no type of the actor's methods
    """Return the queue's actor; if there was none, it starts now, while the caller does something else."""
    embedded = settings.database_url.get_secret_value().startswith("sqlite")
    return (
        ray.remote(ThumbnailQueue)
        .options(
            name=NAME,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            num_cpus=0,
            resources={_HEAD: 0.001} if embedded else None,  # SQLite's file lies on the head node
        )
        .remote(settings)
    )
