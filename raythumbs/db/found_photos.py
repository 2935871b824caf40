"""Finds photos by their source or their folder, each with its newest job."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from raythumbs.db.dialect import where_among
from raythumbs.db.jobs import JOBS, as_job
from raythumbs.db.photos import as_photo
from raythumbs.db.schema import jobs, photos, renditions
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.model.job import Job, State
from raythumbs.model.photo import Photo

_newest = (
    select(jobs.c.id)
    .where(jobs.c.photo_id == photos.c.id)
    .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
    .limit(1)
    .correlate(photos)
    .scalar_subquery()
)
_PHOTOS: Select[Any] = select(photos, _newest.label("job_id"))
OF_SOURCE = _PHOTOS.where(photos.c.source == bindparam("of_source"))
OF_FOLDER = (
    _PHOTOS.where(photos.c.folder_id == bindparam("of_folder"), photos.c.deleted_at.is_(None))
    .order_by(photos.c.id.desc())
    .limit(bindparam("most"))
)
AFTER = OF_FOLDER.where(photos.c.id < bindparam("after"))
RENDITIONS = where_among(select(renditions).order_by(renditions.c.name), renditions.c.photo_id, "photo_ids")
JOBS_OF_IDS = where_among(JOBS, jobs.c.id, "job_ids")


class FoundPhotos:
    """The photos with their jobs, over one connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_source(self, source: str) -> list[FoundPhoto]:
        """Return the photo at this address, or nothing."""
        return self._found(self._connection.execute(OF_SOURCE, {"of_source": source}).all())

    def of_folder(self, folder_id: str, *, after: str | None, limit: int) -> list[FoundPhoto]:
        """Return up to `limit` photos that are not deleted, the newest first; with `after`, those whose id is below."""
        asked = {"of_folder": folder_id, "most": limit} | ({"after": after} if after else {})
        return self._found(self._connection.execute(AFTER if after else OF_FOLDER, asked).all())

    def _found(self, rows: Sequence[Row[Any]]) -> list[FoundPhoto]:
        made = self._renditions([row.id for row in rows])
        newest = self._jobs([row.job_id for row in rows if row.job_id])
        return [_found_photo(row, as_photo(row, made[row.id]), newest.get(row.job_id)) for row in rows]

    def _renditions(self, photo_ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
        made: defaultdict[str, list[Row[Any]]] = defaultdict(list)
        if photo_ids:
            for row in self._connection.execute(RENDITIONS.of(self._connection), {"photo_ids": photo_ids}):
                made[row.photo_id].append(row)
        return made

    def _jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        if not job_ids:
            return {}
        found = self._connection.execute(JOBS_OF_IDS.of(self._connection), {"job_ids": job_ids})
        return {row.id: as_job(row) for row in found}


def _found_photo(row: Row[Any], photo: Photo, job: Job | None) -> FoundPhoto:
    return FoundPhoto(photo=photo, job=job, state=job.state if job else _state(row.ended, photo))


def _state(ended: str | None, photo: Photo) -> State | None:
    """Return the state of a job that was pruned."""
    if ended:
        return State(ended)
    return State.SUCCEEDED if photo.renditions else None
