"""A queue in this process, as the doors and the tests call it: without Ray."""

from collections.abc import Sequence
from typing import Any

from raythumbs.model.job import Change, Job
from raythumbs.queue.handle import in_order
from raythumbs.queue.opening import Opening
from raythumbs.queue.parts import Given


class Verbs:
    """The verbs of a queue that opens, as its actor and its handle have them."""

    def __init__(self, given: Given) -> None:
        self._opening = Opening(given)

    async def enqueue(self, changes: Sequence[Change]) -> list[Job]:
        queue = await self._opening.queue()
        (answer,) = await queue.enqueue_all([changes])
        if isinstance(answer, Exception):
            raise answer
        return in_order(changes, answer)

    def __getattr__(self, verb: str) -> Any:
        async def forwarded(*arguments: Any, **options: Any) -> Any:
            return await getattr(await self._opening.queue(), verb)(*arguments, **options)

        return forwarded
