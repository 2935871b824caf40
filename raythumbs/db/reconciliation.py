"""The last reconciliation as a row, and the rows that it compares with the stores."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, and_, delete, exists, insert, select, update

from raythumbs.db.dialect import guard
from raythumbs.db.job_rows import INCOMPLETE_ONLY
from raythumbs.db.leftovers import KeyOwner
from raythumbs.db.rows import as_word, names_of
from raythumbs.db.schema import jobs, photos, reconciliation, renditions
from raythumbs.model.job import State
from raythumbs.model.reconciliation import Found, KnownPhoto, Reconciliation

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


class Reconciliations:
    """The row of the last pass, over one connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last(self) -> Reconciliation | None:
        """Return the pass that runs, or the last one, or None."""
        row = self._connection.execute(select(reconciliation)).one_or_none()
        if row is None:
            return None
        return as_word(Reconciliation, row, found=as_word(Found, row))

    def begin(self, place: str, *, now: float) -> None:
        """Begin a new pass at a place, and forget the last one."""
        self._connection.execute(delete(reconciliation))
        self._connection.execute(insert(reconciliation).values(began_at=now, place=place, cursor=""))

    def advance(self, found: Found, *, place: str, cursor: str) -> None:
        """Record how far the pass came, and add what it found on the way."""
        more = {name: reconciliation.c[name] + getattr(found, name) for name in names_of(Found)}
        self._connection.execute(update(reconciliation).values(place=place, cursor=cursor, **more))

    def finish(self, *, now: float) -> None:
        """Record that the pass is done."""
        self._connection.execute(update(reconciliation).values(finished_at=now))

    def known(self, sources: Sequence[str]) -> dict[str, KnownPhoto]:
        """Return the photos of these sources, by source."""
        rows = self._connection.execute(_KNOWN.where(photos.c.source.in_(sources)))
        return {row.source: as_word(KnownPhoto, row) for row in rows}

    def known_between(self, *, after: str, until: str) -> Iterator[KnownPhoto]:
        """Yield the photos whose source is above `after`, up to and including `until`, in the order of their UTF-8."""
        while True:
            within = and_(photos.c.source > after, photos.c.source <= until)
            rows = self._connection.execute(_KNOWN.where(within).order_by(photos.c.source).limit(_ROWS)).all()
            for row in rows:
                yield as_word(KnownPhoto, row)
            if len(rows) < _ROWS:
                return
            after = rows[-1].source

    def owners_between(self, *, after: str, until: str, limit: int) -> list[tuple[str, KeyOwner]]:
        """Return the first keys of renditions above `after`, up to and including `until`, each with its photo."""
        led = select(renditions.c.key, photos.c.id.label("photo_id"), photos.c.source, photos.c.version).join_from(
            renditions, photos
        )
        within = and_(renditions.c.key > after, renditions.c.key <= until)
        rows = self._connection.execute(led.where(within).order_by(renditions.c.key).limit(limit))
        return [(row.key, as_word(KeyOwner, row)) for row in rows]
