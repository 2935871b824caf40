"""What comes in at one time travels to the queue together, and is written together. Nobody waits for company.

Plain asyncio: the replica's side and the actor's side of one call, both without Ray.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from raythumbs.db.database import Connection
from raythumbs.db.intake import Intake
from raythumbs.engine.record import Record
from raythumbs.errors import DatabaseUnavailable, RaythumbsError
from raythumbs.model.job import Change, Job, JobRequest

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


async def enqueued_together(record: Record, groups: Sequence[Group]) -> list[Told]:
    """Enqueue groups as if each came alone, in their order, and commit them together; tell each its jobs or its error.

    Groups that have no photo and no event in common are written as one: at 16 of one photo, a quarter of the time that a savepoint around each takes.
    """
    if not _are_apart(groups):
        return await _each(record, groups)
    together = [change for group in groups for change in group]
    try:
        jobs = await record.write(partial(_write, together))
    except DatabaseUnavailable as error:
        return [error] * len(groups)
    except RaythumbsError:  # somebody's; to find out whose, and to spare the others
        return await _each(record, groups)
    by_source = {job.source: job for job in jobs}
    return [[by_source[source] for source in _asked(group) if source in by_source] for group in groups]


async def _each(record: Record, groups: Sequence[Group]) -> list[Told]:
    return await asyncio.gather(*(_one(record, group) for group in groups))  # at once: they share a commit


async def _one(record: Record, group: Group) -> Told:
    try:
        return await record.write(partial(_write, group))
    except RaythumbsError as error:
        return error


def _write(changes: Group, db: Connection, now: float) -> list[Job]:
    return Intake(db).enqueue(changes, now=now)


def _are_apart(groups: Sequence[Group]) -> bool:
    taken: set[str] = set()
    for group in groups:
        names = {name for change in group for name in (change.source, change.event_id) if name}
        if taken & names:
            return False
        taken |= names
    return True


def _asked(group: Group) -> list[str]:
    return list(dict.fromkeys(change.source for change in group if isinstance(change, JobRequest)))
