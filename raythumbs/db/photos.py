"""Photos and their renditions as rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection

from raythumbs.db import statements as sql
from raythumbs.db.leftovers import Leftovers
from raythumbs.db.rows import for_each
from raythumbs.errors import UnknownPhoto
from raythumbs.model.job import JobRequest, Removal
from raythumbs.model.lease import Succeeded
from raythumbs.model.photo import Format, Photo, PictureFacts, Rendition

_FACTS = tuple(field.name for field in fields(PictureFacts))


@dataclass(frozen=True, slots=True)
class PhotoKey:
    """A photo's id, and the folder that it was first uploaded to."""

    id: str
    folder_id: str | None


class Photos:
    """The photos, over one connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, requests: Iterable[JobRequest], *, now: float) -> dict[str, PhotoKey]:
        """Note the photos of these requests, one for each source, and return their keys by source."""
        rows: list[dict[str, object]] = [
            {"id": r.photo_id, "source": r.source, "version": r.version, "folder_id": r.folder_id,
             "file_name": r.file_name, "size_bytes": r.size_bytes, "created_at": now, "sequence": r.sequence,
             "deleted_at": None}
            for r in requests
        ]  # fmt: skip
        return self._record(rows)

    def record_deleted(self, removals: Iterable[Removal], *, now: float) -> dict[str, PhotoKey]:
        """Note that these photos are no longer there, also of those never heard of; return their keys by source."""
        none = dict.fromkeys(("version", "folder_id", "file_name", "size_bytes"))
        rows: list[dict[str, object]] = [
            {"id": r.photo_id, "source": r.source, "created_at": now, "sequence": r.sequence, "deleted_at": now} | none
            for r in removals
        ]
        return self._record(rows)

    def _record(self, rows: Sequence[dict[str, object]]) -> dict[str, PhotoKey]:
        recorded = for_each(self._connection, sql.RECORD, rows)
        return {row.source: PhotoKey(row.id, row.folder_id) for row in recorded}

    def mark_deleted(self, photo_id: str, *, now: float) -> None:
        """Note that the photo is no longer there, and drop its renditions."""
        self._connection.execute(sql.DELETED, {"of_photo": photo_id, "now": now})
        self.drop_renditions([photo_id], now=now)

    def drop_renditions(self, photo_ids: Sequence[str], *, now: float, but: frozenset[str] = frozenset()) -> None:
        """Forget the renditions of these photos; what they led to is left over, but for these keys."""
        dropping = sql.DROP_RENDITIONS[self._connection.dialect.name]
        dropped = self._connection.execute(dropping, {"photo_ids": photo_ids}).all()
        left = {row.key: row.photo_id for row in dropped if row.key not in but}
        Leftovers(self._connection).leave(left, due_at=now)

    def forget_deleted(self, *, before: float, limit: int) -> int:
        """Forget photos that were deleted before then and have neither jobs nor renditions."""
        return self._connection.execute(sql.FORGET_DELETED, {"before": before, "most": limit}).rowcount

    def describe(self, rendered: Mapping[str, Succeeded], *, now: float) -> None:
        """Note what rendering told of these photos, by their ids, and their renditions in place of earlier ones."""
        if not rendered:
            return
        made = [(photo_id, r) for photo_id, succeeded in rendered.items() for r in succeeded.renditions]
        seen = [
            {"of_photo": photo_id} | {f"seen_{name}": getattr(succeeded.picture, name) for name in _FACTS}
            for photo_id, succeeded in rendered.items()
        ]
        for_each(self._connection, sql.DESCRIBE, seen)
        self.drop_renditions(list(rendered), now=now, but=frozenset(r.key for _, r in made))
        rows = [
            {"photo_id": photo_id, "name": r.name, "width": r.width, "height": r.height, "format": r.format,
             "size_bytes": r.size_bytes, "key": r.key, "url": r.url}
            for photo_id, r in made
        ]  # fmt: skip
        for_each(self._connection, sql.INSERT_RENDITIONS, rows)

    def get(self, photo_id: str) -> Photo:
        """Return the photo with its renditions, or raise UnknownPhoto."""
        row = self._connection.execute(sql.PHOTO, {"of_photo": photo_id}).one_or_none()
        if row is None:
            raise UnknownPhoto(f"there is no photo {photo_id!r}")
        made = self._connection.execute(sql.RENDITIONS, {"of_photo": photo_id})
        return Photo(
            id=row.id,
            source=row.source,
            version=row.version,
            folder_id=row.folder_id,
            file_name=row.file_name,
            size_bytes=row.size_bytes,
            width=row.width,
            height=row.height,
            format=row.format,
            thumb_hash=row.thumb_hash,
            notes=tuple(row.notes or ()),
            created_at=row.created_at,
            deleted_at=row.deleted_at,
            renditions=tuple(
                Rendition(
                    name=r.name,
                    width=r.width,
                    height=r.height,
                    format=Format(r.format),
                    size_bytes=r.size_bytes,
                    key=r.key,
                    url=r.url,
                )
                for r in made
            ),
        )
