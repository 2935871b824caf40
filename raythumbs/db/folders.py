"""Folders: counts their photos by indexes, and notes when jobs of a folder end.

A photo that waits has a queued or a running job. A photo whose newest job failed or was cancelled has this in its row,
also after the job was pruned. Every other photo has succeeded, so success costs no write here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, bindparam, func, select, update
from sqlalchemy import literal_column as literal

from raythumbs.db.dialect import Bound, among, for_each, guard, insertion, likely, where_among
from raythumbs.db.fair_order import folder_key
from raythumbs.db.job_rows import INCOMPLETE_JOB, QUEUED, RUNNING
from raythumbs.db.schema import folders, jobs, photos
from raythumbs.db.shards import Shards
from raythumbs.model.folder import Folder
from raythumbs.model.job import Priority, State

_id: Bound = bindparam("of_folder")
_key: Bound = bindparam("of_key")
_ranks: list[Any] = [literal(str(priority.rank)) for priority in Priority]


def _count(*conditions: ColumnElement[Any]) -> ScalarSelect[int]:
    return select(func.count()).where(*conditions).scalar_subquery()


_in_folder = photos.c.folder_id == _id, photos.c.deleted_at.is_(None)
_has_ended = *_in_folder, photos.c.ended.is_not(None)
_in_order = jobs.c.shard.in_(among("shards")), jobs.c.priority.in_(_ranks), jobs.c.folder_id == _key
_runs = likely(RUNNING), jobs.c.lease_until > literal("0"), guard(jobs.c.folder_id == _key)
# One statement sees one moment: no photo is between two counts.
COUNTS = select(
    _count(*_in_folder).label("total"),
    _count(likely(QUEUED), *_in_order).label("queued"),
    _count(*_runs).label("running"),
    _count(*_has_ended, photos.c.ended == literal("'failed'")).label("failed"),
    _count(*_has_ended, photos.c.ended == literal("'cancelled'")).label("cancelled"),
    select(func.max(folders.c.ended_at)).where(folders.c.folder_id == _key).scalar_subquery().label("ended_at"),
)


def _insert_or_update(insert: Any) -> Any:  # noqa: ANN401 see `insertion`
    return insert.on_conflict_do_update(
        index_elements=[folders.c.folder_id, folders.c.shard], set_={"ended_at": insert.excluded.ended_at}
    )


NOTE_ENDS = insertion(_insert_or_update, folders, "folder_id", "shard", "ended_at")
OF_JOB = select(jobs.c.folder_id, jobs.c.photo_id).where(jobs.c.id == bindparam("of_job"))
OF_WAITING = where_among(select(jobs.c.folder_id).distinct().where(INCOMPLETE_JOB), jobs.c.photo_id, "photo_ids")
WAITS_AGAIN = update(photos).where(photos.c.id == bindparam("of_photo")).values(ended=None, deleted_at=None)
SET_ENDED = update(photos).where(photos.c.id == bindparam("of_photo")).values(ended=bindparam("now_ended"))


class Folders:
    """The folders, over one connection in a transaction.

    `shard` is the one that writes: it notes ends in rows of its own, whatever the shard of the job, so that shards
    never wait for one another here.
    """

    def __init__(self, connection: Connection, shard: int = 0) -> None:
        self._connection = connection
        self._shard = shard

    def get(self, folder_id: str) -> Folder:
        """Count the photos of a folder. A folder that nobody has named has none."""
        shards = range(Shards(self._connection).count())
        asked = {"of_folder": folder_id, "of_key": folder_key(folder_id), "shards": list(shards)}
        row = self._connection.execute(COUNTS, asked).one()
        return Folder(
            id=folder_id,
            total=row.total,
            waiting=row.queued + row.running,
            failed=row.failed,
            cancelled=row.cancelled,
            ended_at=row.ended_at,
        )

    def note_ends(self, keys: Iterable[str], *, now: float) -> None:
        """Note that jobs of these folders have ended, given by their keys in the fair order."""
        rows = [{"folder_id": key, "shard": self._shard, "ended_at": now} for key in sorted(set(keys) - {""})]
        if rows:
            for_each(self._connection, NOTE_ENDS, rows)

    def note_end_of_job(self, job_id: str, state: State, *, now: float) -> None:
        """Note that a job has failed or was cancelled."""
        row = self._connection.execute(OF_JOB, {"of_job": job_id}).one()
        self._connection.execute(SET_ENDED, {"of_photo": row.photo_id, "now_ended": state})
        self.note_ends([row.folder_id], now=now)

    def note_retry(self, photo_id: str) -> None:
        """Note that the photo waits again, even if it was missing before."""
        self._connection.execute(WAITS_AGAIN, {"of_photo": photo_id})

    def note_removal(self, photo_ids: Sequence[str], *, now: float) -> None:
        """Note that the jobs of these photos are about to be cancelled, because the photos were deleted."""
        waiting = self._connection.execute(OF_WAITING.of(self._connection), {"photo_ids": photo_ids})
        self.note_ends(waiting.scalars(), now=now)
