"""What is asked at one time goes in one call, and nobody waits for company."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from raythumbs.errors import RaythumbsError
from raythumbs.events import translate_unforeseen

A = TypeVar("A")
T = TypeVar("T")


class Coalescer(Generic[A, T]):
    """Calls with what one asks at once, if no call is under way; what is asked meanwhile goes in the next call.

    A call tells each who asked what is his, in their order: a result, or his own error; what it raises is the error of
    each. It takes up to `most`, each of which counts for as much as it weighs; what is heavier goes alone. What was
    asked is sent even if whoever asked has left, unless it `forgets_who_left`.
    """

    def __init__(
        self,
        call: Callable[[list[A]], Awaitable[Sequence[T | RaythumbsError]]],
        *,
        most: int,
        weigh: Callable[[A], int] = lambda _: 1,
        forgets_who_left: bool = False,
    ) -> None:
        self._call = call
        self._most = most
        self._weigh = weigh
        self._forgets_who_left = forgets_who_left
        self._waiting: list[tuple[A, asyncio.Future[T]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def ask(self, asked: A) -> T:
        """Return what is told, or raise one's own error. Whoever stops waiting takes nobody along."""
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, told))
        self._go()
        return await told

    def _go(self) -> None:
        if self._under_way is not None:
            return
        if self._forgets_who_left:
            self._waiting = [(asked, told) for asked, told in self._waiting if not told.done()]
        if self._waiting:
            self._under_way = asyncio.create_task(self._tell(self._next()))
            self._under_way.add_done_callback(self._ended)

    def _ended(self, call: "asyncio.Task[None]") -> None:
        self._under_way = None
        if not call.cancelled():  # as the loop does when it ends: nothing is to begin then
            self._go()

    def _next(self) -> list[tuple[A, asyncio.Future[T]]]:
        """Take the first that wait, as many as a call may have."""
        count, weight = 0, 0
        for asked, _ in self._waiting:
            weight += self._weigh(asked)
            if count and weight > self._most:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _tell(self, taken: list[tuple[A, asyncio.Future[T]]]) -> None:
        results: Sequence[T | RaythumbsError]
        try:
            results = await self._call([asked for asked, _ in taken])
        except Exception as error:  # noqa: BLE001 a call's edge: it is the error of each who asked
            results = [translate_unforeseen("call.stumbled", error)] * len(taken)
        for (_, told), result in zip(taken, results, strict=True):
            if told.done():  # whoever asked has left
                continue
            if isinstance(result, RaythumbsError):
                told.set_exception(result)
            else:
                told.set_result(result)
