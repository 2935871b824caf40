"""A queue in this process, as the doors and the tests call it: without Ray."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from raythumbs.errors import QueueUnavailable
from raythumbs.model.job import Change, Job
from raythumbs.queue.handle import in_order
from raythumbs.queue.opening import Opening
from raythumbs.queue.parts import Given
from raythumbs.queue.thumbnail_queue import ThumbnailQueue


class Verbs:
    """The verbs of a queue that opens, as its actor and its handle have them."""

    def __init__(self, given: Given) -> None:
        self._opening = Opening(given)

    async def enqueue(self, changes: Sequence[Change]) -> list[Job]:
        queue = await self._opened()
        (answer,) = await queue.enqueue_all([changes])
        if isinstance(answer, Exception):
            raise answer
        return in_order(changes, answer)

    def __getattr__(self, verb: str) -> Any:
        async def forwarded(*arguments: Any, **options: Any) -> Any:
            return await getattr(await self._opened(), verb)(*arguments, **options)

        return forwarded

    async def _opened(self) -> ThumbnailQueue:
        """Wait until the queue is open. On a busy machine that takes longer than doors wait."""
        async with asyncio.timeout(60):
            while True:
                with suppress(QueueUnavailable):
                    return await self._opening.queue()
