"""The single writer: whatever is asked of it at one time is committed together, so one sync of the disk serves many."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from raythumbs.db.database import Database
from raythumbs.errors import RaythumbsError
from raythumbs.events import translate_unforeseen

T = TypeVar("T")
Write = Callable[[Connection, float], T]  # the connection, and the database's time

_WRITES_A_COMMIT = 256


class _Asked(Generic[T]):
    def __init__(self, write: Write[T]) -> None:
        self.write = write
        self.future: Future[T] = Future()
        self.result: T | None = None


class Writer:
    """A thread that owns the database's writing side. A write that raises undoes itself and spoils no other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: SimpleQueue[_Asked[Any] | None] = SimpleQueue()
        self.commits = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write[T]) -> Future[T]:
        """Return the future of the write's result, which is there once it is committed."""
        asked = _Asked(write)
        self._asked.put(asked)
        return asked.future

    def close(self) -> None:
        """Finish what was asked, then end."""
        self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._asked.get()) is not None:
            group = [first]
            closing = False
            try:
                while len(group) < _WRITES_A_COMMIT and not closing:
                    following = self._asked.get_nowait()
                    closing = following is None
                    group += [following] if following else []
            except Empty:
                pass
            self._commit([asked for asked in group if asked.future.set_running_or_notify_cancel()])
            if closing:
                return

    def _commit(self, group: list[_Asked[Any]]) -> None:
        failed: dict[_Asked[Any], RaythumbsError] = {}
        try:
            with self._database.writing() as connection:
                now = self._database.now(connection)
                if len(group) == 1:  # nobody to be spared: the transaction is guard enough
                    group[0].result = group[0].write(connection, now)
                else:
                    failed = self._written_apart(group, connection, now)
            self.commits += 1
        except Exception as error:  # noqa: BLE001 a thread's edge: whoever asked is told, and the next group goes on
            failed = dict.fromkeys(group, _told(error)) | failed
        for asked in group:
            if asked in failed:
                asked.future.set_exception(failed[asked])
            else:
                asked.future.set_result(asked.result)

    def _written_apart(
        self, group: list[_Asked[Any]], connection: Connection, now: float
    ) -> dict[_Asked[Any], RaythumbsError]:
        failed: dict[_Asked[Any], RaythumbsError] = {}
        for asked in group:
            try:
                with self._database.apart(connection):
                    asked.result = asked.write(connection, now)
            except Exception as error:  # noqa: BLE001 a write's edge: whoever asked is told, and the others go on
                failed[asked] = _told(error)
        return failed


def _told(error: Exception) -> RaythumbsError:
    return translate_unforeseen("write.stumbled", error)
