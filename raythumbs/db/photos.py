"""Photos and their renditions as rows."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select, update

from raythumbs.db.schema import photos, renditions
from raythumbs.db.upsert import insert_into
from raythumbs.errors import UnknownPhoto
from raythumbs.model.job import JobRequest
from raythumbs.model.lease import Succeeded
from raythumbs.model.photo import Format, Photo, Rendition


class Photos:
    """The photos, over one connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, requests: Iterable[JobRequest], *, now: float) -> dict[str, str]:
        """Note the photos of these requests, one for each source, and return the ids by source."""
        rows = [
            {"id": r.photo_id, "source": r.source, "version": r.version, "folder_id": r.folder_id,
             "file_name": r.file_name, "size_bytes": r.size_bytes, "created_at": now}
            for r in requests
        ]  # fmt: skip
        insertion = insert_into(self._connection, photos).values(rows)
        new = insertion.excluded
        upsert = insertion.on_conflict_do_update(
            index_elements=[photos.c.source],
            set_={
                "version": func.coalesce(new.version, photos.c.version),
                "size_bytes": func.coalesce(new.size_bytes, photos.c.size_bytes),
            },
        )
        return {row.source: row.id for row in self._connection.execute(upsert.returning(photos.c.id, photos.c.source))}

    def describe(self, photo_id: str, succeeded: Succeeded) -> None:
        """Note what rendering told of the photo, and its renditions in place of earlier ones."""
        facts = succeeded.picture
        self._connection.execute(
            update(photos)
            .where(photos.c.id == photo_id)
            .values(
                width=facts.width,
                height=facts.height,
                format=facts.format,
                size_bytes=facts.size_bytes,
                version=facts.version,
            )
        )
        self._connection.execute(delete(renditions).where(renditions.c.photo_id == photo_id))
        self._connection.execute(
            insert(renditions),
            [
                {"photo_id": photo_id, "name": r.name, "width": r.width, "height": r.height, "format": r.format,
                 "size_bytes": r.size_bytes, "key": r.key, "url": r.url}
                for r in succeeded.renditions
            ],
        )  # fmt: skip

    def get(self, photo_id: str) -> Photo:
        """Return the photo with its renditions, or raise UnknownPhoto."""
        row = self._connection.execute(select(photos).where(photos.c.id == photo_id)).one_or_none()
        if row is None:
            raise UnknownPhoto(f"there is no photo {photo_id!r}")
        made = self._connection.execute(
            select(renditions).where(renditions.c.photo_id == photo_id).order_by(renditions.c.name)
        )
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
            created_at=row.created_at,
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
