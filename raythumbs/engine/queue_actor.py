"""The queue's actor. Apart from `actors.py`, since every worker imports it with the actor's handle: what that needs of
Ray Serve takes 28 MB in each process."""

from raythumbs.engine.queue import ThumbnailQueue
from raythumbs.events import show_events
from raythumbs.settings import Settings


class ThumbnailQueueActor(ThumbnailQueue):
    """The queue in a process of its own, which shows what happens there."""

    def __init__(self, settings: Settings, *, shard: int) -> None:
        show_events(settings.log_level)
        super().__init__(settings, shard=shard)
