"""What the record knows of photos, for those who compare it with a listing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, exists, select

from raythumbs.db.dialect import guard, where_among
from raythumbs.db.job_rows import INCOMPLETE_ONLY, LIMIT
from raythumbs.db.rows import as_word
from raythumbs.db.schema import jobs, photos, renditions
from raythumbs.model.job import State
from raythumbs.model.reconciliation import KnownPhoto

_ROWS = 1000
_job = exists().where(jobs.c.photo_id == photos.c.id)
_KNOWN = select(
    photos.c.id,
    photos.c.source,
    photos.c.version,
    photos.c.created_at,
    photos.c.deleted_at.is_not(None).label("is_deleted"),
    exists().where(renditions.c.photo_id == photos.c.id).label("is_rendered"),
    _job.where(INCOMPLETE_ONLY).label("is_in_work"),
    _job.where(guard(jobs.c.state == State.FAILED)).label("has_failed"),
)
KNOWN = where_among(_KNOWN, photos.c.source, "sources")

_RENDERED = select(
    photos.c.id,
    photos.c.source,
    photos.c.version,
    photos.c.folder_id,
    photos.c.size_bytes,
    photos.c.deleted_at.is_not(None).label("is_deleted"),
    photos.c.ended,
    _job.where(INCOMPLETE_ONLY).label("is_in_work"),
    renditions.c.key,
    renditions.c.name,
).join_from(photos, renditions, isouter=True)
RENDERED = where_among(_RENDERED, photos.c.source, "sources")
_next = select(photos.c.id).where(photos.c.source > bindparam("after")).order_by(photos.c.source).limit(LIMIT)
NEXT_RENDERED = _RENDERED.where(photos.c.id.in_(_next.scalar_subquery())).order_by(photos.c.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPhoto:
    """A photo as the record has it, with the names of its renditions by their keys.

    `ended` is failed or cancelled if its newest job is.
    """

    id: str
    source: str
    version: str | None
    folder_id: str | None
    size_bytes: int | None
    is_deleted: bool
    is_in_work: bool
    ended: str | None
    renditions: dict[str, str]


class KnownPhotos:
    """What the record knows, over one connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_sources(self, sources: Sequence[str]) -> dict[str, KnownPhoto]:
        """Return the photos of these sources, by source."""
        rows = self._connection.execute(KNOWN.of(self._connection), {"sources": list(sources)})
        return {row.source: as_word(KnownPhoto, row) for row in rows}

    def between(self, *, after: str, until: str) -> Iterator[KnownPhoto]:
        """Yield the photos whose source is above `after`, up to and including `until`, in the order of their UTF-8."""
        while True:
            within = and_(photos.c.source > after, photos.c.source <= until)
            rows = self._connection.execute(_KNOWN.where(within).order_by(photos.c.source).limit(_ROWS)).all()
            for row in rows:
                yield as_word(KnownPhoto, row)
            if len(rows) < _ROWS:
                return
            after = rows[-1].source

    def rendered(self, sources: Sequence[str]) -> dict[str, RenderedPhoto]:
        """Return the photos of these sources with their renditions, by source, with one query."""
        return _grouped(self._connection.execute(RENDERED.of(self._connection), {"sources": list(sources)}))

    def next_rendered(self, *, after: str, limit: int) -> list[RenderedPhoto]:
        """Return the next photos above a source, in the order of their UTF-8, with their renditions."""
        rows = self._connection.execute(NEXT_RENDERED, {"after": after, "most": limit})
        return list(_grouped(rows).values())


def _grouped(rows: Any) -> dict[str, RenderedPhoto]:  # noqa: ANN401 a result of any columns
    found: dict[str, RenderedPhoto] = {}
    row: Row[Any]
    for row in rows:
        photo = found.get(row.source)
        if photo is None:
            photo = found[row.source] = as_word(RenderedPhoto, row, renditions={})
        if row.key is not None:
            photo.renditions[row.key] = row.name
    return found
