"""A sequential program, for comparison: one photo after the other, in one process, on one core.

It does the same work for each photo as the service, with the service's code and as durably: it stores the upload, reads
it, renders it, stores the thumbnails and writes their addresses to a database. It has no queue, no sandbox, no HTTP.
"""

import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from raythumbs.db.database import Database
from raythumbs.db.photos import Photos
from raythumbs.errors import RaythumbsError
from raythumbs.imaging import Limits, Rendered, render
from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority
from raythumbs.model.lease import Succeeded
from raythumbs.model.photo import Rendition, RenditionSpec
from raythumbs.storage.files import FileStore

_COPY_BYTES = 1 << 20


class SequentialProgram:
    """A store and a database in one folder, and the renderer."""

    def __init__(self, folder: Path, specs: Sequence[RenditionSpec], limits: Limits) -> None:
        self._specs = specs
        self._limits = limits
        self._store = FileStore(folder / "store")
        self._database = Database(f"sqlite:///{folder}/photos.db")
        self._database.open()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def render(self, photo: Path) -> None:
        """Make the thumbnails of one photo. When this returns, they and their addresses are on disk."""
        photo_id = new_id(now=time.time())
        key = f"originals/{photo_id}"
        with photo.open("rb") as upload, self._store.create(key, "application/octet-stream") as kept:
            shutil.copyfileobj(upload, kept, _COPY_BYTES)
        fetched = self._store.get(key, max_bytes=1 << 40, seconds=60)
        with closing(fetched.file):
            rendered = render(fetched.file, self._specs, self._limits)
        facts = rendered.facts(size_bytes=fetched.size_bytes, version=fetched.version)
        self._record(photo_id, key, Succeeded(facts, tuple(self._stored(photo_id, rendered))))

    def _stored(self, photo_id: str, rendered: Rendered) -> list[Rendition]:
        made = []
        for one in rendered.renditions:
            key = f"thumbnails/{photo_id}/{one.spec.name}.{one.spec.format.extension}"
            self._store.put(key, one.data, one.spec.format.content_type)
            made.append(
                Rendition(
                    name=one.spec.name,
                    width=one.width,
                    height=one.height,
                    format=one.spec.format,
                    size_bytes=len(one.data),
                    key=key,
                    url=self._store.url(key),
                )
            )
        return made

    def _record(self, photo_id: str, key: str, succeeded: Succeeded) -> None:
        request = JobRequest(job_id=photo_id, photo_id=photo_id, source=key, priority=Priority.NORMAL)
        with self._database.writing() as connection:
            photos = Photos(connection)
            now = self._database.now(connection)
            photos.record([request], now=now)
            photos.describe({photo_id: succeeded}, now=now)


def sequential_seconds(photos: Sequence[Path], folder: Path, specs: Sequence[RenditionSpec]) -> float:
    """Return the seconds that the sequential program takes for these photos. Bad photos are skipped."""
    with closing(SequentialProgram(folder, specs, Limits())) as program:
        began = time.perf_counter()
        for photo in photos:
            try:
                program.render(photo)
            except RaythumbsError:
                continue  # the service has already reported it
        return time.perf_counter() - began
