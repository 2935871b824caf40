"""The reconciler: compares the stores with the record, because notifications get lost and the buckets are the truth."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from raythumbs.db.database import Connection
from raythumbs.db.intake import Intake
from raythumbs.db.known_photos import KnownPhotos
from raythumbs.db.leftovers import KeyOwner, Leftovers
from raythumbs.db.reconciliation import Reconciliations
from raythumbs.db.record import Record
from raythumbs.errors import NoSuchObject, RaythumbsError
from raythumbs.events import emit
from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority, Removal
from raythumbs.model.reconciliation import Found, KnownPhoto, ListedPhoto, Reconciliation
from raythumbs.model.source import Source, is_folder_marker
from raythumbs.queue.admission import Admission
from raythumbs.queue.collector import again
from raythumbs.queue.listing import Page, key_of, pages_of, source_of
from raythumbs.settings import Settings
from raythumbs.storage.base import Stat, Store
from raythumbs.worker.plan import Plan

_SETTLED_SECONDS = 600  # an upload is stored before it is enqueued, a rendition before it is recorded


class Reconciler:
    """Makes a pass when one is due, was asked for, or was interrupted."""

    def __init__(
        self, record: Record, plan: Plan, admission: Admission, settings: Settings, *, keys_a_page: int
    ) -> None:
        self._record = record
        self._plan = plan
        self._admission = admission
        self._keys_a_page = keys_a_page
        self._policy = settings.policy
        self._folder_rule = settings.folder_rule
        self._shards = settings.queue_shards
        self._every_seconds = settings.reconcile_every_seconds
        self._thumbnails = f"{plan.thumbnails_uri}{plan.thumbnails_prefix}"
        self._places = (*settings.watched_places, self._thumbnails)
        self.wake = asyncio.Event()

    async def ask(self) -> Reconciliation:
        """Begin a pass, if none runs; return the one that runs."""
        running = await self._record.write(partial(self._begun, asked=True))
        assert running is not None  # noqa: S101 it was begun if there was none
        self.wake.set()
        return running

    async def run_once(self) -> None:
        """Go through all places, from where the last iteration was interrupted."""
        running = await self._record.write(partial(self._begun, asked=False))
        if running is None or running.finished_at is not None:
            return
        begun = self._places.index(running.place) if running.place in self._places else 0
        for place in self._places[begun:]:
            await self._go_through(place, after=running.cursor if place == running.place else "")
        await self._record.write(lambda db, now: Reconciliations(db).finish(now=now))
        emit("reconciliation.finished", places=len(self._places))

    def _begun(self, db: Connection, now: float, *, asked: bool) -> Reconciliation | None:
        rows = Reconciliations(db)
        last = rows.last()
        if last is None or last.finished_at is not None:
            is_due = self._every_seconds and (last is None or (last.finished_at or 0) + self._every_seconds <= now)
            if asked or is_due:
                rows.begin(self._places[0], now=now)
        return rows.last()

    async def _go_through(self, place: str, *, after: str) -> None:
        store = self._plan.stores.at(place)
        pages = pages_of(place, store, after=after, size=self._keys_a_page)
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            if _is_unmounted(place):
                emit("reconciliation.no_folder", place=place)
                return
            if place != self._thumbnails:
                await self._remove_vanished(store, page)
            rest: Page | None = page
            while rest is not None:
                self._admission.check()  # findings are work: over the limits, the next iteration goes on here
                jobs, rest = await self._compared(store, rest)
                self._admission.took(jobs)

    async def _compared(self, store: Store, page: Page) -> tuple[int, Page | None]:
        """Compare a page with the record; return how many jobs were made, and what is left of the page."""
        if page.place != self._thumbnails:
            return await self._record.write(partial(self._compare, page))
        lost = await self._lost(store, page)
        return await self._record.write(partial(self._compare_renditions, lost, page))

    # --- photos

    async def _remove_vanished(self, store: Store, page: Page) -> None:
        """Remove photos that the record knows and the page lacks, after the store confirms that they are gone."""
        listed = frozenset(source_of(page.place, stat.key) for stat in page.stats)
        after, until = page.sources
        while True:
            unlisted = await self._record.read(partial(self._unlisted, listed, after, until))
            gone = [photo for photo in unlisted if await asyncio.to_thread(_is_gone, store, page.place, photo.source)]
            if gone:
                await self._record.write(partial(self._remove, page, gone))
            if len(unlisted) < self._keys_a_page:
                return
            after = unlisted[-1].source

    def _unlisted(self, listed: frozenset[str], after: str, until: str, db: Connection) -> list[KnownPhoto]:
        known = KnownPhotos(db).between(after=after, until=until)
        unlisted = (photo for photo in known if photo.source not in listed)
        kept = (photo for photo in unlisted if not (photo.is_deleted or photo.is_in_work))
        return list(islice(kept, self._keys_a_page))

    def _remove(self, page: Page, gone: Sequence[KnownPhoto], db: Connection, now: float) -> None:
        Intake(db, self._shards).enqueue([Removal(photo_id=photo.id, source=photo.source) for photo in gone], now=now)
        Reconciliations(db).advance(Found(deleted=len(gone)), place=page.place, cursor=page.after)

    def _compare(self, page: Page, db: Connection, now: float) -> tuple[int, None]:
        """Make jobs of photos without renditions; return how many, and that nothing of the page is left."""
        listed = {one.source: one for stat in page.stats if self._concerns(one := _listed(page.place, stat, now=now))}
        known = KnownPhotos(db).of_sources(list(listed))
        missing = [one for one in listed.values() if _is_missing(known.get(one.source))]
        stale = [one for one in listed.values() if _is_stale(one, known.get(one.source))]
        requests = [self._request(one, known.get(one.source), now=now) for one in (*missing, *stale)]
        jobs = Intake(db, self._shards).enqueue(requests, now=now)
        found = Found(listed=len(page.stats), missing=len(missing), stale=len(stale))
        Reconciliations(db).advance(found, place=page.place, cursor=page.until)
        return len(jobs), None

    def _request(self, listed: ListedPhoto, known: KnownPhoto | None, *, now: float) -> JobRequest:
        return JobRequest(
            job_id=new_id(now=now),
            photo_id=known.id if known else new_id(now=now),
            source=listed.source,
            priority=Priority.LOW,
            version=listed.version,
            size_bytes=listed.size_bytes,
            folder_id=self._folder_rule.of(listed.source),
        )

    def _concerns(self, listed: ListedPhoto) -> bool:
        if is_folder_marker(listed.source, listed.size_bytes):
            return False
        return listed.settled and self._policy.allows(Source.parse(listed.source))

    # --- renditions

    async def _lost(self, store: Store, page: Page) -> frozenset[str]:
        """Return the keys of recorded renditions that are not in the store.

        What the page lacks may be newer than the page. It was stored before it was recorded, so a new list has it."""
        unlisted = frozenset(await self._record.read(partial(self._recorded, page))).difference(self._keys(page))
        if not unlisted:
            return unlisted
        return unlisted - await asyncio.to_thread(self._listed_again, store, page, unlisted)

    def _listed_again(self, store: Store, page: Page, keys: frozenset[str]) -> frozenset[str]:
        pages = pages_of(page.place, store, after=page.after, until=page.until, size=self._keys_a_page)
        return frozenset(key for again in pages for key in self._keys(again) if key in keys)

    def _keys(self, page: Page) -> Iterator[str]:
        return (self._plan.thumbnails_prefix + stat.key for stat in page.stats)

    def _recorded(self, page: Page, db: Connection) -> dict[str, KeyOwner]:
        """Return the first recorded renditions of a page, at most a page, by their keys."""
        prefix = self._plan.thumbnails_prefix
        after, until = prefix + page.after, prefix + page.until
        return dict(Reconciliations(db).owners_between(after=after, until=until, limit=self._keys_a_page))

    def _compare_renditions(
        self, lost: Collection[str], page: Page, db: Connection, now: float
    ) -> tuple[int, Page | None]:
        """Compare a page of renditions with at most a page of the record, because others write meanwhile.

        Return how many jobs were made, and the rest of the page."""
        recorded, rest = self._recorded(page, db), None
        if len(recorded) == self._keys_a_page:
            page, rest = page.divided(next(reversed(recorded)).removeprefix(self._plan.thumbnails_prefix))
        orphans = [
            key
            for key, stat in zip(self._keys(page), page.stats, strict=True)
            if key not in recorded and self._plan.is_key(key) and stat.modified_at < now - _SETTLED_SECONDS
        ]
        Leftovers(db).leave(dict.fromkeys(orphans), due_at=now)
        photos = {photo.photo_id: photo for key, photo in recorded.items() if key in lost}
        jobs = Intake(db, self._shards).enqueue([again(photo, now=now) for photo in photos.values()], now=now)
        found = Found(listed=len(page.stats), missing=len(photos), orphaned=len(orphans))
        Reconciliations(db).advance(found, place=page.place, cursor=page.until)
        return len(jobs), rest


def _listed(place: str, stat: Stat, *, now: float) -> ListedPhoto:
    return ListedPhoto(
        source=source_of(place, stat.key),
        version=stat.version,
        size_bytes=stat.size_bytes,
        settled=stat.modified_at < now - _SETTLED_SECONDS,
    )


def _is_gone(store: Store, place: str, source: str) -> bool:
    try:
        store.head(key_of(place, source))
    except NoSuchObject:
        return True
    except RaythumbsError:  # it may still be there
        return False
    return False


def _is_unmounted(place: str) -> bool:
    """Return whether a whole folder is missing, which tells nothing about its photos."""
    return place.startswith("file:") and not Path(Source.parse(place).key).is_dir()


def _is_missing(known: KnownPhoto | None) -> bool:
    if known is None or known.is_deleted:
        return True
    return not (known.is_rendered or known.is_in_work or known.has_failed)


def _is_stale(listed: ListedPhoto, known: KnownPhoto | None) -> bool:
    if known is None or _is_missing(known):
        return False
    return known.version != listed.version and not known.is_in_work
