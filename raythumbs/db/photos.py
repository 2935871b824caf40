"""Photos and their renditions as rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, func, null, select, update

from raythumbs.db.dialect import ByDialect, for_each, insertion, rows_of_arrays, where_among
from raythumbs.db.job_rows import LIMIT, NOW
from raythumbs.db.leftovers import Leftovers
from raythumbs.db.locks import LOCK_OF_JOBS, LOCK_OF_SOURCES, lock_photos
from raythumbs.db.rows import as_word, names_of
from raythumbs.db.schema import jobs, photos, renditions
from raythumbs.errors import UnknownPhoto
from raythumbs.model.job import JobRequest, Removal
from raythumbs.model.lease import Succeeded
from raythumbs.model.photo import Format, Photo, PictureFacts, Rendition

_FACTS = {name: f"seen_{name}" for name in names_of(PictureFacts)}  # and the names of their bound values


def _insert_or_update(insert: Any) -> Any:  # noqa: ANN401 see `insertion`
    new = insert.excluded
    values: dict[str, Any] = {
        name: func.coalesce(new[name], photos.c[name]) for name in ("version", "size_bytes", "sequence")
    }
    values |= {name: func.coalesce(photos.c[name], new[name]) for name in ("folder_id", "file_name")}
    values |= {"deleted_at": new.deleted_at, "ended": null()}
    return insert.on_conflict_do_update(index_elements=[photos.c.source], set_=values).returning(
        photos.c.id, photos.c.source, photos.c.folder_id, photos.c.file_name
    )


RECORD = insertion(
    _insert_or_update, photos, "id", "source", "version", "folder_id", "file_name", "size_bytes", "created_at",
    "sequence", "deleted_at",
)  # fmt: skip
_seen = rows_of_arrays({"of_photo": photos.c.id} | {seen: photos.c[name] for name, seen in _FACTS.items()}).subquery()
DESCRIBE = ByDialect(
    sqlite=update(photos)
    .where(photos.c.id == bindparam("of_photo"))
    .values({name: bindparam(seen) for name, seen in _FACTS.items()}),
    postgresql=update(photos)
    .where(photos.c.id == _seen.c.of_photo)
    .values({name: _seen.c[seen] for name, seen in _FACTS.items()}),
)
INSERT_RENDITIONS = insertion(lambda insert: insert, renditions, "photo_id", *names_of(Rendition))
DROP_RENDITIONS = where_among(
    delete(renditions).returning(renditions.c.key, renditions.c.photo_id), renditions.c.photo_id, "photo_ids"
)
DROP_KEYS = where_among(delete(renditions).returning(renditions.c.key, renditions.c.photo_id), renditions.c.key, "keys")
MARK_DELETED = update(photos).where(photos.c.id == bindparam("of_photo")).values(deleted_at=NOW)
FORGET_DELETED = delete(photos).where(
    photos.c.id.in_(
        select(photos.c.id)
        .where(
            photos.c.deleted_at < bindparam("before"),
            ~exists().where(jobs.c.photo_id == photos.c.id),
            ~exists().where(renditions.c.photo_id == photos.c.id),
        )
        .limit(LIMIT)
    )
)
PHOTO = select(photos).where(photos.c.id == bindparam("of_photo"))
PHOTOS_AFTER = select(photos).where(photos.c.id > bindparam("after")).order_by(photos.c.id).limit(LIMIT)
RENDITIONS_OF = where_among(
    select(renditions).order_by(renditions.c.photo_id, renditions.c.name), renditions.c.photo_id, "photo_ids"
)
RENDITIONS = select(renditions).where(renditions.c.photo_id == bindparam("of_photo")).order_by(renditions.c.name)


@dataclass(frozen=True, slots=True)
class PhotoKey:
    """A photo's id, the folder that it was first uploaded to, and the name that it was first given."""

    id: str
    folder_id: str | None
    file_name: str | None


class Photos:
    """The photos, over one connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, requests: Iterable[JobRequest], *, now: float) -> dict[str, PhotoKey]:
        """Insert or update the photos of these requests, one for each source. Return their keys by source."""
        rows: list[dict[str, object]] = [
            {"id": r.photo_id, "source": r.source, "version": r.version, "folder_id": r.folder_id,
             "file_name": r.file_name, "size_bytes": r.size_bytes, "created_at": now, "sequence": r.sequence,
             "deleted_at": None}
            for r in requests
        ]  # fmt: skip
        return self._record(rows)

    def lock_sources(self, sources: Iterable[str]) -> None:
        """Lock the photos at these addresses; see `locks.py`."""
        lock_photos(self._connection, LOCK_OF_SOURCES, "sources", sources)

    def lock_of_jobs(self, job_ids: Iterable[str]) -> None:
        """Lock the photos of these jobs; see `locks.py`."""
        lock_photos(self._connection, LOCK_OF_JOBS, "ids", job_ids)

    def record_deleted(self, removals: Iterable[Removal], *, now: float) -> dict[str, PhotoKey]:
        """Record that these photos were deleted, including photos that were unknown. Return their keys by source."""
        none = dict.fromkeys(("version", "folder_id", "file_name", "size_bytes"))
        rows: list[dict[str, object]] = [
            {"id": r.photo_id, "source": r.source, "created_at": now, "sequence": r.sequence, "deleted_at": now} | none
            for r in removals
        ]
        return self._record(rows)

    def _record(self, rows: Sequence[dict[str, object]]) -> dict[str, PhotoKey]:
        recorded = for_each(self._connection, RECORD, sorted(rows, key=lambda row: str(row["source"])))  # see locks.py
        return {row.source: as_word(PhotoKey, row) for row in recorded}

    def mark_deleted(self, photo_id: str, *, now: float) -> None:
        """Record that the photo was deleted, and drop its renditions."""
        self._connection.execute(MARK_DELETED, {"of_photo": photo_id, "now": now})
        self.drop_renditions([photo_id], now=now)

    def drop_renditions(self, photo_ids: Sequence[str], *, now: float, but: frozenset[str] = frozenset()) -> None:
        """Delete the rows of these photos' renditions. Their objects become leftovers, except those with keys in
        `but`."""
        dropping = DROP_RENDITIONS.of(self._connection)
        dropped = self._connection.execute(dropping, {"photo_ids": photo_ids}).all()
        left = {row.key: row.photo_id for row in dropped if row.key not in but}
        Leftovers(self._connection).leave(left, due_at=now)

    def drop_keys(self, keys: Sequence[str], *, now: float) -> None:
        """Delete the rows of these renditions. Their objects become leftovers."""
        if keys:
            dropped = self._connection.execute(DROP_KEYS.of(self._connection), {"keys": list(keys)}).all()
            Leftovers(self._connection).leave({row.key: row.photo_id for row in dropped}, due_at=now)

    def forget_deleted(self, *, before: float, limit: int) -> int:
        """Delete the rows of up to `limit` photos that were deleted before then and have no jobs and no renditions.
        Return their count."""
        return self._connection.execute(FORGET_DELETED, {"before": before, "most": limit}).rowcount

    def describe(self, rendered: Mapping[str, Succeeded], *, now: float) -> None:
        """Record what rendering found out about these photos, by their ids, and replace their renditions."""
        if not rendered:
            return
        made = [(photo_id, r) for photo_id, succeeded in rendered.items() for r in succeeded.renditions]
        seen = [
            {"of_photo": photo_id} | {bound: getattr(succeeded.picture, name) for name, bound in _FACTS.items()}
            for photo_id, succeeded in rendered.items()
        ]
        for_each(self._connection, DESCRIBE, seen)
        self.drop_renditions(list(rendered), now=now, but=frozenset(r.key for _, r in made))
        rows = [
            {"photo_id": photo_id} | {name: getattr(r, name) for name in names_of(Rendition)} for photo_id, r in made
        ]
        for_each(self._connection, INSERT_RENDITIONS, rows)

    def renditions_of(self, photo_ids: Sequence[str]) -> dict[str, tuple[Rendition, ...]]:
        """Return the renditions of these photos, by the photos' ids."""
        found: dict[str, tuple[Rendition, ...]] = {}
        if photo_ids:
            reading = RENDITIONS_OF.of(self._connection)
            for row in self._connection.execute(reading, {"photo_ids": list(photo_ids)}):
                found[row.photo_id] = (*found.get(row.photo_id, ()), as_rendition(row))
        return found

    def after(self, photo_id: str, *, limit: int) -> list[Photo]:
        """Return the next photos, also deleted ones, in the order of their ids."""
        rows = self._connection.execute(PHOTOS_AFTER, {"after": photo_id, "most": limit}).all()
        made = self.renditions_of([row.id for row in rows])
        return [as_word(Photo, row, notes=tuple(row.notes or ()), renditions=made.get(row.id, ())) for row in rows]

    def get(self, photo_id: str) -> Photo:
        """Return the photo with its renditions, or raise UnknownPhoto."""
        row = self._connection.execute(PHOTO, {"of_photo": photo_id}).one_or_none()
        if row is None:
            raise UnknownPhoto(f"there is no photo {photo_id!r}")
        return as_photo(row, self._connection.execute(RENDITIONS, {"of_photo": photo_id}))


def as_photo(row: Row[Any], made: Iterable[Row[Any]]) -> Photo:
    """Return the photo of its row and the rows of its renditions."""
    return as_word(Photo, row, notes=tuple(row.notes or ()), renditions=tuple(map(as_rendition, made)))


def as_rendition(row: Row[Any]) -> Rendition:
    """Return the rendition of its row."""
    return as_word(Rendition, row, format=Format(row.format))
