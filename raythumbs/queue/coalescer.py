"""A coalescer: requests that arrive during a call share the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from raythumbs.errors import RaythumbsError
from raythumbs.events import known

A = TypeVar("A")
T = TypeVar("T")


class Coalescer(Generic[A, T]):
    """Sends a request at once when idle; requests that arrive during a call share the next one.

    A call returns one result for each request, in their order: an answer, or that request's own error. What the call
    raises is the error of each. The weights of a call's requests add up to `most` at most; a heavier request goes
    alone. A request is sent even if its caller has left, unless the coalescer `forgets_who_left`.
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
        """Return the answer, or raise the request's own error. A caller that leaves does not affect the others."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self._go()
        return await answer

    def _go(self) -> None:
        if self._under_way is not None:
            return
        if self._forgets_who_left:
            self._waiting = [(asked, answer) for asked, answer in self._waiting if not answer.done()]
        if self._waiting:
            self._under_way = asyncio.create_task(self._tell(self._next()))
            self._under_way.add_done_callback(self._ended)

    def _ended(self, call: "asyncio.Task[None]") -> None:
        self._under_way = None
        if not call.cancelled():  # the event loop ends: nothing may begin then
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
        for (_, answer), result in zip(taken, await self._results([asked for asked, _ in taken]), strict=True):
            if answer.done():  # the caller has left
                continue
            if isinstance(result, RaythumbsError):
                answer.set_exception(result)
            else:
                answer.set_result(result)

    async def _results(self, asked: list[A]) -> Sequence[T | RaythumbsError]:
        """Call, and return a result for each request; an error of the call is the error of each."""
        try:
            results = await self._call(asked)
            if len(results) != len(asked):
                raise ValueError(f"{len(results)} results for {len(asked)} requests")  # noqa: TRY301 a bug of the call
        except Exception as error:  # noqa: BLE001 a call's edge
            return [known("call.stumbled", error)] * len(asked)
        return results
