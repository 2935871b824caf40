"""The queue's actor. Every worker imports this module with the actor's handle, so it imports the queue itself only
where the actor begins: SQLAlchemy and Alembic take a second of CPU and 40 MB in each process."""

from collections.abc import Awaitable, Callable
from typing import Any

from raythumbs.events import show_events
from raythumbs.settings.sealed import Sealed

VERBS = (
    "enqueue_all",
    "admit",
    "cancel",
    "retry",
    "retry_jobs",
    "cancel_jobs",
    "failures",
    "queue_state",
    "pause",
    "resume",
    "more",
    "job",
    "jobs",
    "photo",
    "photos_of_source",
    "photos_of_folder",
    "photos_after",
    "folder",
    "status",
    "figures",
    "commits",
    "check",
    "reconcile",
    "reconciliation",
    "quarantine",
    "quarantined",
    "quarantined_message",
    "drop_quarantined",
    "begin_backfill",
    "backfills",
    "backfill",
    "pause_backfill",
    "resume_backfill",
    "cancel_backfill",
    "webhooks",
    "retry_webhooks",
    "drain",
)


class ThumbnailQueueActor:
    """A queue in a process of its own. It has the queue's verbs, which wait for the queue to open.

    It begins to open the queue when it is made, so an actor that Ray restarts works on by itself.
    """

    def __init__(self, sealed: Sealed, *, shard: int) -> None:
        from raythumbs.queue.opening import Opening, given_by_ray

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


def _forwarded(verb: str) -> Callable[..., Awaitable[Any]]:
    async def forwarded(self: ThumbnailQueueActor, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 any verb's
        return await getattr(await self._opening.queue(), verb)(*arguments, **options)

    forwarded.__name__, forwarded.__doc__ = verb, f"See ThumbnailQueue.{verb}."
    return forwarded


for _verb in VERBS:
    setattr(ThumbnailQueueActor, _verb, _forwarded(_verb))
