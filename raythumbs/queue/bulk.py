"""Moves many jobs for a person: at most a thousand for each request, in short transactions."""

from collections.abc import Callable, Sequence
from functools import partial

from raythumbs.db.bulk import Bulk
from raythumbs.db.database import Connection, Database
from raythumbs.db.record import Record
from raythumbs.events import emit
from raythumbs.model.selection import Changed, Selection

_JOBS_A_REQUEST = 1000
_JOBS_A_WRITE = 250  # the writes of others wait some ten milliseconds

Find = Callable[[Connection, float], list[str]]
Move = Callable[[Bulk, Sequence[str], float], int]


class BulkMoves:
    """Retries and cancels the jobs of a selection."""

    def __init__(self, record: Record, database: Database, *, shard: int, wake: Callable[[], None]) -> None:
        self._record = record
        self._database = database
        self._shard = shard
        self._wake = wake

    async def retry(self, selection: Selection) -> Changed:
        """Queue failed jobs again, and tell whether more are left."""
        changed = await self._move(
            selection,
            lambda db, until: Bulk(db).failed(selection, until=until, limit=_JOBS_A_REQUEST + 1),
            lambda bulk, ids, now: bulk.retry(ids, now=now),
        )
        if changed.changed:
            emit("jobs.retried", count=changed.changed, code=selection.code, folder_id=selection.folder_id)
            self._wake()
        return changed

    async def cancel(self, selection: Selection) -> Changed:
        """End jobs that are not finished, and tell whether more are left."""
        changed = await self._move(
            selection,
            lambda db, until: Bulk(db).unfinished(selection, until=until, limit=_JOBS_A_REQUEST + 1),
            lambda bulk, ids, now: bulk.cancel(ids, now=now),
        )
        if changed.changed:
            emit("jobs.cancelled", count=changed.changed, code=selection.code, folder_id=selection.folder_id)
        return changed

    async def _move(self, selection: Selection, find: Find, move: Move) -> Changed:
        def look(db: Connection) -> tuple[float, list[str]]:
            until = selection.until if selection.until is not None else self._database.now(db)
            return until, find(db, until)

        until, found = await self._record.read(look)  # the search keeps no writer waiting
        chosen, changed = found[:_JOBS_A_REQUEST], 0
        for start in range(0, len(chosen), _JOBS_A_WRITE):
            some = chosen[start : start + _JOBS_A_WRITE]
            changed += await self._record.write(partial(self._move_some, move, some))
        return Changed(changed=changed, more=len(found) > len(chosen), until=until)

    def _move_some(self, move: Move, ids: Sequence[str], db: Connection, now: float) -> int:
        return move(Bulk(db, self._shard), ids, now)
