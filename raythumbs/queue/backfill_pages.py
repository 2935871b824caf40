"""What a backfill lists, page by page, and which photos of a page need a job."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from raythumbs.db.database import Connection
from raythumbs.db.known_photos import KnownPhotos, RenderedPhoto
from raythumbs.db.photos import Photos
from raythumbs.errors import BadSource, NoSuchObject
from raythumbs.model.backfill import RECORD, Backfill, Counts, KeyRange
from raythumbs.model.folder import FolderRule
from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority
from raythumbs.model.source import Source, is_folder_marker, is_storable
from raythumbs.queue.listing import LAST, Page, pages_of, source_of
from raythumbs.storage.base import Stat, Store
from raythumbs.worker.plan import Plan

_MOST_RANGES = 16
_DEEPEST = 8  # levels that are looked at for folders to divide by


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What is to be done with a page: jobs to make, the key up to which it was gone through, and what was counted."""

    requests: Sequence[JobRequest]
    reached: str
    found: Counts


class Pages(Protocol):
    """What a backfill lists. `ranges` and `pages` block; `take` reads the record in the transaction that writes."""

    def ranges(self) -> Sequence[KeyRange]:
        """Divide what is to be listed into ranges that can be listed side by side."""

    def pages(self, part: KeyRange) -> Iterator[Page]:
        """Yield the pages of a range."""

    def take(self, page: Page, part: KeyRange, db: Connection, *, now: float, most: int | None) -> Taken:
        """Decide what is to be done with a page. At most so many jobs are made; then it ends before the page does."""


class StorePages:
    """The objects below a bucket's prefix, or a folder."""

    def __init__(self, backfill: Backfill, plan: Plan, store: Store, *, folder_rule: FolderRule, size: int) -> None:
        self._place = backfill.source
        self._since = backfill.since
        self._matches = _matcher(backfill.glob)
        self._plan = plan
        self._store = store
        self._folder_rule = folder_rule
        self._size = size

    def ranges(self) -> Sequence[KeyRange]:
        """Divide the keys between the folders of the first level that has several."""
        if self._place.startswith("file:") and not Path(Source.parse(self._place).key).is_dir():
            raise NoSuchObject(f"{self._place} is no folder on the machine of the queue")
        return _divided(_folders(self._store))

    def pages(self, part: KeyRange) -> Iterator[Page]:
        """List a range."""
        return pages_of(self._place, self._store, after=part.after, until=part.until, size=self._size)

    def take(self, page: Page, part: KeyRange, db: Connection, *, now: float, most: int | None) -> Taken:
        """Make jobs of photos that lack a rendition of their present version."""
        del part  # the page says the same
        wanted = self._wanted(page)
        allowed = {key: source for key, source in wanted.items() if self._is_source(source)}
        known = KnownPhotos(db).rendered(list(allowed.values())) if allowed else {}
        requests: list[JobRequest] = []
        listed, reached = 0, page.until
        for stat in page.stats:
            if most is not None and len(requests) >= most:
                break
            listed += 1
            source = allowed.get(stat.key)
            if source is not None and self._lacks(known.get(source), source, stat.version):
                requests.append(self._request(source, stat, known.get(source), now=now))
        if listed < len(page.stats):
            reached = page.stats[listed - 1].key if listed else page.after
        refused = sum(stat.key in wanted and stat.key not in allowed for stat in page.stats[:listed])
        skipped = listed - refused - len(requests)
        return Taken(
            requests=requests,
            reached=reached,
            found=Counts(listed=listed, enqueued=len(requests), skipped=skipped, refused=refused),
        )

    def _wanted(self, page: Page) -> dict[str, str]:
        """Return the sources of the objects that were asked for, by their keys, without the service's own."""
        asked = (stat for stat in page.stats if self._is_asked_for(stat))
        sources = ((stat.key, source_of(page.place, stat.key)) for stat in asked)
        return {key: source for key, source in sources if not source.startswith(self._plan.policy.outputs)}

    def _is_asked_for(self, stat: Stat) -> bool:
        is_new = self._since is None or stat.modified_at >= self._since
        return is_new and not is_folder_marker(stat.key, stat.size_bytes) and self._matches(stat.key)

    def _is_source(self, source: str) -> bool:
        try:
            return is_storable(source) and self._plan.policy.allows(Source.parse(source))
        except BadSource:
            return False

    def _lacks(self, known: RenderedPhoto | None, source: str, version: str) -> bool:
        if known is None or known.is_deleted or known.version != version:
            return True
        is_tried = known.is_in_work or known.ended == "failed"  # the same bytes would fail again
        return not is_tried and bool(_missing(self._plan, source, version, known))

    def _request(self, source: str, stat: Stat, known: RenderedPhoto | None, *, now: float) -> JobRequest:
        is_same = known is not None and _is_rendered_as(known, stat.version)
        return JobRequest(
            job_id=new_id(now=now),
            photo_id=known.id if known else new_id(now=now),
            source=source,
            priority=Priority.LOW,
            version=stat.version,
            size_bytes=stat.size_bytes,
            folder_id=self._folder_rule.of(source),
            kept_version=stat.version if is_same else None,
        )


class RecordPages:
    """The photos that the record knows, in the order of their sources. The pages have no objects: `take` reads them."""

    def __init__(self, backfill: Backfill, plan: Plan, *, size: int) -> None:
        self._matches = _matcher(backfill.glob)
        self._prune = backfill.prune
        self._dry_run = backfill.dry_run
        self._plan = plan
        self._names = {spec.name for spec in plan.specs}
        self._size = size

    def ranges(self) -> Sequence[KeyRange]:
        """Return all as one range: the database is read by one reader."""
        return (KeyRange(number=0, after="", until=LAST),)

    def pages(self, part: KeyRange) -> Iterator[Page]:
        """Yield pages without end; `take` says how far each went."""
        while True:
            yield Page(RECORD, (), part.after, part.until)

    def take(self, page: Page, part: KeyRange, db: Connection, *, now: float, most: int | None) -> Taken:
        """Make jobs of photos that lack a rendition of a present spec; leave others out."""
        del page  # is empty
        photos = KnownPhotos(db).next_rendered(after=part.after, limit=self._size)
        requests: list[JobRequest] = []
        listed, reached = 0, part.until
        for photo in photos:
            if most is not None and len(requests) >= most:
                break
            listed += 1
            if self._lacks(photo):
                requests.append(_again(photo, now=now))
        if listed < len(photos) or len(photos) == self._size:
            reached = photos[listed - 1].source if listed else part.after
        if self._prune and not self._dry_run:
            self._drop_gone(photos[:listed], db, now)
        found = Counts(listed=listed, enqueued=len(requests), skipped=listed - len(requests))
        return Taken(requests=requests, reached=reached, found=found)

    def _lacks(self, photo: RenderedPhoto) -> bool:
        is_over = photo.is_deleted or photo.is_in_work or photo.ended == "failed" or photo.version is None
        if is_over or not self._matches(photo.source) or not self._plan.policy.allows(Source.parse(photo.source)):
            return False
        return bool(_missing(self._plan, photo.source, photo.version or "", photo))

    def _drop_gone(self, photos: Sequence[RenderedPhoto], db: Connection, now: float) -> None:
        gone = [key for photo in photos for key, name in photo.renditions.items() if name not in self._names]
        Photos(db).drop_keys(gone, now=now)


def _matcher(glob: str | None) -> Callable[[str], bool]:
    if glob is None:
        return lambda _key: True
    pattern = re.compile(translate(glob))
    return lambda key: pattern.match(key) is not None


def _folders(store: Store) -> Sequence[str]:
    """Return the folders of the first level that has several, or none."""
    folders = store.folders()
    for _ in range(_DEEPEST):
        if len(folders) != 1:
            break
        folders = store.folders(folders[0])
    return folders


def _divided(folders: Sequence[str]) -> Sequence[KeyRange]:
    """Divide all keys into ranges that begin at folders."""
    inner = sorted(folders)[1:]
    step = max(1, -(-len(inner) // (_MOST_RANGES - 1)))
    cuts = ["", *inner[::step], LAST]
    return [KeyRange(number=number, after=a, until=b) for number, (a, b) in enumerate(pairwise(cuts))]


def _missing(plan: Plan, source: str, version: str, known: RenderedPhoto) -> list[str]:
    """Return the keys of the renditions that a photo lacks: they follow from its version and the specs."""
    keys = (plan.key(source, version, spec) for spec in plan.specs)
    return [key for key in keys if key not in known.renditions]


def _is_rendered_as(known: RenderedPhoto, version: str) -> bool:
    """Return whether the renditions that are there are certainly of this version: nothing came after them."""
    is_at_rest = not known.is_deleted and not known.is_in_work and known.ended is None
    return is_at_rest and bool(known.renditions) and known.version == version


def _again(photo: RenderedPhoto, *, now: float) -> JobRequest:
    version = photo.version or ""
    return JobRequest(
        job_id=new_id(now=now),
        photo_id=photo.id,
        source=photo.source,
        priority=Priority.LOW,
        version=photo.version,
        size_bytes=photo.size_bytes,
        kept_version=photo.version if _is_rendered_as(photo, version) else None,
    )
