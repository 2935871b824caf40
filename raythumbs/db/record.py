"""The record as awaitable reads and writes. One thread makes all writes, and commits them in groups.

Writes that arrive during a commit share the next one, so one sync of the disk serves many.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from raythumbs.db.database import Database
from raythumbs.db.faults import Collision
from raythumbs.errors import DatabaseUnavailable, RaythumbsError
from raythumbs.events import emit_trouble, known

T = TypeVar("T")
Write = Callable[[Connection, float], T]  # gets the connection, and the database's time
Read = Callable[[Connection], T]

_READERS = 4
_WRITES_A_COMMIT = 256
_COLLISION_SECONDS = 0.01, 0.05  # so that the other transaction gets its locks first
_COLLISIONS = 4  # after which a group is tried for the last time
AGAIN_SECONDS = 0.5, 1.5


class _Pending(Generic[T]):
    """A write that waits for its commit, and later has its result."""

    def __init__(self, write: Write[T]) -> None:
        self.write = write
        self.future: Future[T] = Future()
        self.result: T | None = None


class Record:
    """The database for an event loop, which it never blocks. One thread makes all writes; other threads read.

    A write that raises is undone alone; the other writes of its group are committed. An error that is not of raythumbs
    is logged, and raised as Internal.
    """

    def __init__(self, database: Database, *, again_seconds: tuple[float, float] = AGAIN_SECONDS) -> None:
        self._database = database
        self._again_seconds = again_seconds
        self._pending: SimpleQueue[_Pending[Any] | None] = SimpleQueue()
        self._readers = ThreadPoolExecutor(_READERS, "reader")
        self.commits = 0
        self._writer = threading.Thread(target=self._write_all, name="writer", daemon=True)
        self._writer.start()

    async def write(self, write: Write[T]) -> T:
        """Return the write's result once it is committed. It commits even if the caller stops waiting."""
        pending = _Pending(write)
        self._pending.put(pending)
        return await asyncio.shield(asyncio.wrap_future(pending.future))

    async def insist(self, write: Write[T]) -> T:
        """Write, and repeat it while the database is unavailable. For writes that no caller would repeat."""
        while True:
            try:
                return await self.write(write)
            except DatabaseUnavailable as error:
                emit_trouble("write.repeated", error)
                await asyncio.sleep(random.uniform(*self._again_seconds))  # noqa: S311 no secret depends on it

    async def read(self, read: Read[T]) -> T:
        """Return the result of a read."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, read)

    def close(self) -> None:
        """Finish all pending writes and reads, then close the database."""
        self._pending.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._database.close()

    def _read(self, read: Read[T]) -> T:
        with self._database.reading() as connection:
            return read(connection)

    # --- in the writer's thread

    def _write_all(self) -> None:
        while (first := self._pending.get()) is not None:
            group = [first]
            closing = False
            try:
                while len(group) < _WRITES_A_COMMIT and not closing:
                    following = self._pending.get_nowait()
                    closing = following is None
                    group += [following] if following else []
            except Empty:
                pass
            self._commit([pending for pending in group if pending.future.set_running_or_notify_cancel()])
            if closing:
                return

    def _commit(self, group: list[_Pending[Any]]) -> None:
        failed: dict[_Pending[Any], RaythumbsError] = {}
        try:
            failed = self._transact_again(group)
            self.commits += 1
        except Exception as error:  # noqa: BLE001 the callers get the error, and the thread goes on
            failed = dict.fromkeys(group, known("write.stumbled", error))
        for pending in group:
            if pending in failed:
                pending.future.set_exception(failed[pending])
            else:
                pending.future.set_result(pending.result)

    def _transact_again(self, group: list[_Pending[Any]]) -> dict[_Pending[Any], RaythumbsError]:
        """Write a group in one transaction; repeat it if the database undid it in favour of another transaction."""
        for _ in range(_COLLISIONS):
            try:
                return self._transact(group)
            except Collision as error:
                emit_trouble("write.collided", error, writes=len(group))
                time.sleep(random.uniform(*_COLLISION_SECONDS))  # noqa: S311 no secret depends on it
        return self._transact(group)

    def _transact(self, group: list[_Pending[Any]]) -> dict[_Pending[Any], RaythumbsError]:
        with self._database.writing() as connection:
            now = self._database.now(connection)
            if len(group) == 1:  # no other write to spare: the transaction is guard enough
                group[0].result = group[0].write(connection, now)
                return {}
            return self._write_each(group, connection, now)

    def _write_each(
        self, group: list[_Pending[Any]], connection: Connection, now: float
    ) -> dict[_Pending[Any], RaythumbsError]:
        failed: dict[_Pending[Any], RaythumbsError] = {}
        for pending in group:
            try:
                with self._database.apart(connection):
                    pending.result = pending.write(connection, now)
            except Collision:  # what earlier writes of the group have locked may be in the other's way
                raise
            except Exception as error:  # noqa: BLE001 its caller gets the error, and the other writes go on
                failed[pending] = known("write.stumbled", error)
        return failed
