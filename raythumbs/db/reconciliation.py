"""The last reconciliation as a row, and the renditions that it compares with the store."""

from sqlalchemy import Connection, and_, delete, insert, select, update

from raythumbs.db.leftovers import KeyOwner
from raythumbs.db.rows import as_word, names_of
from raythumbs.db.schema import photos, reconciliation, renditions
from raythumbs.model.reconciliation import Found, Reconciliation


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

    def owners_between(self, *, after: str, until: str, limit: int) -> list[tuple[str, KeyOwner]]:
        """Return the first keys of renditions above `after`, up to and including `until`, each with its photo."""
        led = select(renditions.c.key, photos.c.id.label("photo_id"), photos.c.source, photos.c.version).join_from(
            renditions, photos
        )
        within = and_(renditions.c.key > after, renditions.c.key <= until)
        rows = self._connection.execute(led.where(within).order_by(renditions.c.key).limit(limit))
        return [(row.key, as_word(KeyOwner, row)) for row in rows]
