"""Objects in the thumbnails' store to which perhaps nothing leads any more, as rows.

Deleting an object and forgetting it cannot be one step, and a photo may come back to the very version that the object
was made of. So deleting is begun here, done in the store, and ended here: what a photo then leads to again is rendered
once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from raythumbs.db import statements as sql
from raythumbs.db.rows import for_each


@dataclass(frozen=True, slots=True)
class Missed:
    """A photo that leads to an object which may have been deleted."""

    photo_id: str
    source: str
    version: str | None


class Leftovers:
    """The leftovers, over one connection in a transaction. Keys are those of renditions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def leave(self, photos: Mapping[str, str | None], *, due_at: float) -> None:
        """Note keys and their photos, to be deleted from `due_at` on, unless a photo leads to them then."""
        rows = [{"key": key, "photo_id": photo_id, "due_at": due_at} for key, photo_id in photos.items()]
        if rows:
            for_each(self._connection, sql.LEAVE, rows)

    def begin(self, *, now: float, limit: int) -> list[str]:
        """Return the keys to delete now. Those that a photo leads to are kept; those of a photo in work have time."""
        self._connection.execute(sql.KEEP, {"now": now})
        return list(self._connection.scalars(sql.BEGIN, {"now": now, "most": limit}))

    def end(self, keys: Sequence[str]) -> list[Missed]:
        """Forget keys whose objects were deleted; return the photos that lead to one of them again."""
        missed = [Missed(*row) for row in self._connection.execute(sql.LED_TO, {"keys": keys})]
        self._connection.execute(sql.SWEEP, {"keys": keys})
        return missed

    def postpone(self, keys: Sequence[str], *, due_at: float) -> None:
        """Leave keys that could not be deleted for later."""
        self._connection.execute(sql.POSTPONE, {"keys": keys, "due": due_at})
