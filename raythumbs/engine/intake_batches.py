"""What comes in at one time travels to the queue together, and nobody waits for company: the replica's side of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from raythumbs.errors import RaythumbsError
from raythumbs.model.job import Change, Job

Group = Sequence[Change]  # of one caller
Told = list[Job] | RaythumbsError  # to one caller

_CHANGES_A_CALL = 1000  # more would keep a lone one waiting behind them


class IntakeBatches:
    """Sends what one caller asks at once, if nothing is under way; what comes in meanwhile goes in the next call."""

    def __init__(self, enqueue_all: Callable[[list[Group]], Awaitable[Sequence[Told]]]) -> None:
        self._enqueue_all = enqueue_all
        self._waiting: list[tuple[Group, asyncio.Future[list[Job]]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def enqueue(self, changes: Group) -> list[Job]:
        """Return the jobs of these changes, or raise their own error. Whoever stops waiting takes nobody along."""
        jobs: asyncio.Future[list[Job]] = asyncio.get_running_loop().create_future()
        self._waiting.append((changes, jobs))
        self._go()
        return await jobs

    def _go(self) -> None:
        if self._waiting and self._under_way is None:
            self._under_way = asyncio.create_task(self._call(self._next()))
            self._under_way.add_done_callback(self._ended)

    def _ended(self, _call: "asyncio.Task[None]") -> None:
        self._under_way = None
        self._go()

    def _next(self) -> list[tuple[Group, asyncio.Future[list[Job]]]]:
        """Take the first that wait, as many as a call may have; a larger one goes alone."""
        count, changes = 0, 0
        for group, _ in self._waiting:
            changes += len(group)
            if count and changes > _CHANGES_A_CALL:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _call(self, taken: list[tuple[Group, asyncio.Future[list[Job]]]]) -> None:
        try:
            told = await self._enqueue_all([group for group, _ in taken])
        except Exception as error:  # noqa: BLE001 a call's edge: it is the error of each who asked
            told = [error if isinstance(error, RaythumbsError) else RaythumbsError(repr(error))] * len(taken)
        for (_, jobs), one in zip(taken, told, strict=True):
            if jobs.done():  # whoever asked has left
                continue
            if isinstance(one, RaythumbsError):
                jobs.set_exception(one)
            else:
                jobs.set_result(one)
