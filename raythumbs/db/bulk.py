"""Moves many jobs at once. A job that has moved meanwhile is left alone, because each move is guarded."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, exists, select, update
from sqlalchemy import literal_column as literal

from raythumbs.db.dialect import among, guard, where_among
from raythumbs.db.folders import Folders
from raythumbs.db.job_rows import CANCEL_WHERE, cause, is_in_one_of
from raythumbs.db.jobs import BY_HAND, RETRY_FAILED, is_busy
from raythumbs.db.outbox import Outbox
from raythumbs.db.photos import Photos
from raythumbs.db.schema import jobs, photos
from raythumbs.db.selected import conditions, of_each, states_of
from raythumbs.model.job import INCOMPLETE, State
from raythumbs.model.selection import Selection

_newer = jobs.alias()
# Found by the photo's id, because a hundred thousand jobs may have failed: what else is asked suits no index.
_has_failed_since = exists().where(
    _newer.c.photo_id == jobs.c.photo_id,
    guard(is_in_one_of([State.FAILED], of=_newer)),
    _newer.c.id.concat(literal("''")) > jobs.c.id,
)
_RETRY = where_among(RETRY_FAILED.returning(jobs.c.photo_id), jobs.c.id, "ids")
_CANCEL = where_among(CANCEL_WHERE.returning(jobs.c.id, jobs.c.photo_id, jobs.c.folder_id), jobs.c.id, "ids")
_WAIT_AGAIN = update(photos).where(photos.c.id.in_(among("photo_ids"))).values(ended=None, deleted_at=None)
_HAVE_ENDED = update(photos).where(photos.c.id.in_(among("photo_ids"))).values(ended=bindparam("now_ended"))


class Bulk:
    """Moves of many jobs, over one connection in a transaction. `now` is the database's time, in UTC seconds."""

    def __init__(self, connection: Connection, shard: int = 0) -> None:
        self._connection = connection
        self._shard = shard

    def failed(self, selection: Selection, *, until: float, limit: int) -> list[str]:
        """Return the ids of up to `limit` failed jobs that can be retried: of each photo the newest, if none waits."""
        query = select(jobs.c.id).where(
            *conditions(selection), jobs.c.finished_at <= until, ~is_busy, ~_has_failed_since
        )
        states = states_of(selection, [State.FAILED])
        return self._ids(of_each(states, query, newest_first=False, limit=limit)) if states else []

    def unfinished(self, selection: Selection, *, until: float, limit: int) -> list[str]:
        """Return the ids of up to `limit` jobs that can be cancelled."""
        query = select(jobs.c.id).where(*conditions(selection), jobs.c.created_at <= until)
        states = states_of(selection, sorted(INCOMPLETE))
        return self._ids(of_each(states, query, newest_first=False, limit=limit)) if states else []

    def retry(self, job_ids: Sequence[str], *, now: float) -> int:
        """Queue these jobs again, with all their budgets, and count them. Name only one failed job of a photo."""
        Photos(self._connection).lock_of_jobs(job_ids)
        asked = {"ids": list(job_ids), "now": now}
        photo_ids = list(self._connection.scalars(_RETRY.of(self._connection), asked))
        if photo_ids:
            self._connection.execute(_WAIT_AGAIN, {"photo_ids": photo_ids})
        return len(photo_ids)

    def cancel(self, job_ids: Sequence[str], *, now: float) -> int:
        """End these jobs, and count them."""
        Photos(self._connection).lock_of_jobs(job_ids)
        asked = {"ids": list(job_ids), "now": now} | cause("cancelled", BY_HAND)
        ended = self._connection.execute(_CANCEL.of(self._connection), asked).all()
        if ended:
            photo_ids = [row.photo_id for row in ended]
            self._connection.execute(_HAVE_ENDED, {"photo_ids": photo_ids, "now_ended": State.CANCELLED})
            Folders(self._connection, self._shard).note_ends((row.folder_id for row in ended), now=now)
            Outbox(self._connection).ended([row.id for row in ended], now=now)
        return len(ended)

    def _ids(self, query: object) -> list[str]:
        return list(self._connection.scalars(query))  # type: ignore[call-overload]
