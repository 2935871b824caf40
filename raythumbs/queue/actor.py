"""The queue's actor. Apart from `lifecycle.py`, because every worker imports this module with the actor's handle,
and what `lifecycle.py` imports takes 28 MB in each process."""

from collections.abc import Awaitable, Callable
from typing import Any

from raythumbs.events import show_events
from raythumbs.queue.opening import Opening, given_by_ray
from raythumbs.queue.thumbnail_queue import ThumbnailQueue
from raythumbs.settings.sealed import Sealed

_VERBS: tuple[Callable[..., Awaitable[Any]], ...] = (
    ThumbnailQueue.enqueue_all,
    ThumbnailQueue.admit,
    ThumbnailQueue.cancel,
    ThumbnailQueue.retry,
    ThumbnailQueue.retry_jobs,
    ThumbnailQueue.cancel_jobs,
    ThumbnailQueue.failures,
    ThumbnailQueue.queue_state,
    ThumbnailQueue.pause,
    ThumbnailQueue.resume,
    ThumbnailQueue.more,
    ThumbnailQueue.job,
    ThumbnailQueue.jobs,
    ThumbnailQueue.photo,
    ThumbnailQueue.photos_of_source,
    ThumbnailQueue.photos_of_folder,
    ThumbnailQueue.photos_after,
    ThumbnailQueue.folder,
    ThumbnailQueue.status,
    ThumbnailQueue.figures,
    ThumbnailQueue.commits,
    ThumbnailQueue.check,
    ThumbnailQueue.reconcile,
    ThumbnailQueue.reconciliation,
    ThumbnailQueue.quarantine,
    ThumbnailQueue.quarantined,
    ThumbnailQueue.quarantined_message,
    ThumbnailQueue.drop_quarantined,
    ThumbnailQueue.begin_backfill,
    ThumbnailQueue.backfills,
    ThumbnailQueue.backfill,
    ThumbnailQueue.pause_backfill,
    ThumbnailQueue.resume_backfill,
    ThumbnailQueue.cancel_backfill,
    ThumbnailQueue.webhooks,
    ThumbnailQueue.retry_webhooks,
    ThumbnailQueue.drain,
)


class ThumbnailQueueActor:
    """A queue in a process of its own. It has the queue's verbs, which wait for the queue to open.

    It begins to open the queue when it is made, so an actor that Ray restarts works on by itself.
    """

    def __init__(self, sealed: Sealed, *, shard: int) -> None:
        self._settings = sealed.open()
        self._settings.apply_umask()
        show_events(self._settings.log_level, self._settings.log_format)
        self._opening = Opening(given_by_ray(self._settings, shard=shard, secrets_file=sealed.secrets_file))

    async def identity(self) -> str:
        """Return the digest of the version and settings that this queue was made with."""
        return self._settings.identity

    async def secrets(self) -> dict[str, str]:
        """Return the settings' secrets: for an ingress on another node, where there is no file of them."""
        return self._settings.secrets


def _forwarded(verb: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def forwarded(self: ThumbnailQueueActor, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 any verb's
        return await verb(await self._opening.queue(), *arguments, **options)

    forwarded.__name__, forwarded.__doc__ = verb.__name__, f"See ThumbnailQueue.{verb.__name__}."
    return forwarded


for _verb in _VERBS:
    setattr(ThumbnailQueueActor, _verb.__name__, _forwarded(_verb))
