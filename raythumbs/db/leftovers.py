"""Leftovers: objects in the thumbnails' store that perhaps no photo uses any more.

An object and its row cannot be deleted in one step, and a photo may return to the version that the object was made
from. So deleting has three steps: `begin_deleting`, the store, `end_deleting`. A photo that uses the object again by
then is rendered once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from raythumbs.db.dialect import among, for_each, insertion
from raythumbs.db.job_rows import INCOMPLETE_JOB, LIMIT, NOW
from raythumbs.db.rows import as_word
from raythumbs.db.schema import jobs, leftovers, photos, renditions

_is_used = exists().where(renditions.c.key == leftovers.c.key)
_is_in_work = exists().where(jobs.c.photo_id == leftovers.c.photo_id, INCOMPLETE_JOB)
_due = select(leftovers.c.key).where(leftovers.c.due_at <= NOW, ~_is_in_work)
ADD_LEFTOVERS = insertion(lambda insert: insert.on_conflict_do_nothing(), leftovers, "key", "photo_id", "due_at")
FORGET_USED = delete(leftovers).where(leftovers.c.due_at <= NOW, leftovers.c.begun_at.is_(None), _is_used)
MARK_LEFTOVERS = (
    update(leftovers)
    .where(leftovers.c.key.in_(_due.order_by(leftovers.c.due_at).limit(LIMIT)))
    .values(begun_at=NOW)
    .returning(leftovers.c.key)
)
POSTPONE = update(leftovers).where(leftovers.c.key.in_(among("keys"))).values(due_at=bindparam("due"))
PHOTOS_OF_KEYS = select(photos.c.id.label("photo_id"), photos.c.source, photos.c.version).where(
    photos.c.id.in_(select(renditions.c.photo_id).where(renditions.c.key.in_(among("keys"))))
)
FORGET_DELETED = delete(leftovers).where(leftovers.c.key.in_(among("keys")), ~_is_in_work)


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """The photo that a rendition's key belongs to."""

    photo_id: str
    source: str
    version: str | None


class Leftovers:
    """The leftovers, over one connection in a transaction. Keys are those of renditions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def leave(self, photos: Mapping[str, str | None], *, due_at: float) -> None:
        """Add keys and their photos. They are deleted after `due_at`, unless a photo uses them then."""
        rows = [{"key": key, "photo_id": photo_id, "due_at": due_at} for key, photo_id in photos.items()]
        if rows:
            for_each(self._connection, ADD_LEFTOVERS, rows)

    def begin_deleting(self, *, now: float, limit: int) -> list[str]:
        """Return up to `limit` keys to delete now.

        Keys that a photo uses are no longer leftovers. Keys of a photo in work wait.
        """
        self._connection.execute(FORGET_USED, {"now": now})
        return list(self._connection.scalars(MARK_LEFTOVERS, {"now": now, "most": limit}))

    def end_deleting(self, keys: Sequence[str]) -> list[KeyOwner]:
        """Forget keys whose objects were deleted. Return the photos that use one of them again."""
        owners = [as_word(KeyOwner, row) for row in self._connection.execute(PHOTOS_OF_KEYS, {"keys": keys})]
        self._connection.execute(FORGET_DELETED, {"keys": keys})
        return owners

    def postpone(self, keys: Sequence[str], *, due_at: float) -> None:
        """Keep keys that could not be deleted, for a later time."""
        self._connection.execute(POSTPONE, {"keys": keys, "due": due_at})
