"""The queue's actor. Apart from `actors.py`, since every worker imports it with the actor's handle: what that needs of
Ray Serve takes 28 MB in each process."""

from raythumbs.events import show_events
from raythumbs.queue.thumbnail_queue import ThumbnailQueue
from raythumbs.settings.sealed import Sealed


class ThumbnailQueueActor(ThumbnailQueue):
    """The queue in a process of its own, which shows what happens there."""

    def __init__(self, sealed: Sealed, *, shard: int) -> None:
        settings = sealed.open()
        settings.apply_umask()
        show_events(settings.log_level)
        super().__init__(settings, shard=shard, secrets_file=sealed.secrets_file)

    async def secrets(self) -> dict[str, str]:
        """Return the settings' secrets: for an ingress on another node, where there is no file of them."""
        return self._settings.secrets
