"""The actor's class, which Ray imports wherever there is a handle of it."""

import inspect

from raythumbs.queue.actor import VERBS
from raythumbs.queue.thumbnail_queue import ThumbnailQueue


def test_the_actor_has_verbs_that_the_queue_has():
    for verb in VERBS:
        assert inspect.iscoroutinefunction(getattr(ThumbnailQueue, verb)), verb
