"""The backfiller: enqueues the photos of backfills, page by page, while few enough photos wait at LOW priority.

The reconciler keeps a few watched places and the record alike, in both directions, again and again. A backfill goes
once through a place that a person names, only adds jobs, and leaves room for other work.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from raythumbs.db.backfills import Backfills, Ended
from raythumbs.db.database import Connection
from raythumbs.db.intake import Intake
from raythumbs.db.record import Record
from raythumbs.errors import Overloaded, RaythumbsError, StoreRefused
from raythumbs.events import emit, emit_trouble, known
from raythumbs.model.backfill import RECORD, Backfill, BackfillRequest, KeyRange, place_of
from raythumbs.queue.admission import Admission
from raythumbs.queue.backfill_pages import Pages, RecordPages, StorePages, Taken
from raythumbs.queue.backfill_room import LowRoom
from raythumbs.queue.backfill_speed import Speeds
from raythumbs.queue.listing import Page
from raythumbs.queue.loop import run_safely
from raythumbs.settings import Settings
from raythumbs.worker.plan import Plan

_RANGES_AT_ONCE = 4
_PAGES_A_TURN = 8  # of each range, before the next backfill has its turn


@dataclass(frozen=True, slots=True)
class _Listing:
    """A listing that goes on after the key `reached`."""

    pages: Iterator[Page]
    reached: str


@dataclass(frozen=True, slots=True)
class _Step:
    """A page at the beginning of a range of a backfill."""

    backfill: Backfill
    source: Pages
    page: Page
    part: KeyRange


class Backfiller:
    """Gives each backfill that lists a turn, one after another. All that it must know is in the record."""

    def __init__(
        self, record: Record, plan: Plan, admission: Admission, settings: Settings, *, keys_a_page: int
    ) -> None:
        self._record = record
        self._plan = plan
        self._admission = admission
        self._settings = settings
        self._keys_a_page = keys_a_page
        self._room = LowRoom(record, shards=settings.queue_shards, most=settings.backfill_max_waiting)
        self._speeds = Speeds()
        self._listings: dict[str, dict[int, _Listing]] = {}
        self._counting: dict[str, asyncio.Task[None]] = {}
        self.wake = asyncio.Event()

    async def run_once(self) -> None:
        """Give turns until no backfill lists, or none can go on now."""
        go_on = True
        while go_on:
            listing = await self._record.read(lambda db: Backfills(db).listing())
            self._forget_all_but({backfill.id for backfill in listing})
            go_on = False
            for backfill in listing:
                go_on |= await self._turn(backfill)

    async def begin(self, request: BackfillRequest) -> Backfill:
        """Begin a backfill. Raise SourceNotAllowed, BadSource or TooManyBackfills."""
        place_of(request.source, self._settings.policy)
        backfill = await self._record.write(lambda db, now: Backfills(db).begin(request, now=now))
        emit("backfill.began", backfill_id=backfill.id, source=backfill.source)
        self.wake.set()
        return backfill

    async def all(self) -> list[Backfill]:
        """Return the newest backfills, the newest first, each with its failed photos and its speed."""
        found = await self._record.read(lambda db: [Backfills(db).with_failed(one) for one in Backfills(db).all()])
        return [self._speeds.added_to(one) for one in found]

    async def get(self, backfill_id: str) -> Backfill:
        """Return a backfill with its failed photos and its speed. This and the next verbs raise UnknownBackfill."""
        found = await self._record.read(lambda db: Backfills(db).with_failed(Backfills(db).get(backfill_id)))
        return self._speeds.added_to(found)

    async def pause(self, backfill_id: str) -> Backfill:
        """Enqueue nothing more of a backfill until it is resumed."""
        await self._record.write(lambda db, _now: Backfills(db).pause(backfill_id))
        return await self.get(backfill_id)

    async def resume(self, backfill_id: str) -> Backfill:
        """Let a backfill go on where it was."""
        await self._record.write(lambda db, _now: Backfills(db).resume(backfill_id))
        self.wake.set()
        return await self.get(backfill_id)

    async def cancel(self, backfill_id: str) -> Backfill:
        """End a backfill. What it has enqueued is rendered."""
        await self._record.write(lambda db, now: Backfills(db).cancel(backfill_id, now=now))
        return await self.get(backfill_id)

    # --- a turn

    async def _turn(self, backfill: Backfill) -> bool:
        """List some pages of a backfill. Return whether it can go on at once."""
        try:
            parts = await self._parts(backfill)
            await _all([self._go_through(backfill, part) for part in parts[:_RANGES_AT_ONCE]])
        except Ended:
            self._forget(backfill.id)
            return False
        except Overloaded:
            self._count_ahead(backfill)
            return False
        except Exception as error:  # noqa: BLE001 the edge of a turn: the other backfills have theirs
            self._forget(backfill.id)
            await self._stumble(backfill, known("backfill.broke", error, backfill_id=backfill.id))
            return False
        self._speeds.saw(await self._record.read(lambda db: Backfills(db).get(backfill.id)))
        return True

    async def _parts(self, backfill: Backfill) -> list[KeyRange]:
        """Return what is still to be listed. Divide it first, if that was not done yet."""
        place_of(backfill.source, self._settings.policy)  # the settings may have changed since
        parts = await self._record.read(lambda db: Backfills(db).ranges(backfill.id, limit=_RANGES_AT_ONCE))
        if not parts:
            parts = list(await asyncio.to_thread(lambda: self._pages_of(backfill).ranges()))
            await self._record.write(partial(_divide, backfill, parts))
        return parts

    async def _go_through(self, backfill: Backfill, part: KeyRange) -> None:
        source = self._pages_of(backfill)
        for _ in range(_PAGES_A_TURN):
            if not backfill.dry_run:
                self._admission.check()
                await self._room.check()
            page = await self._next_page(backfill, source, part)
            taken = await self._record.write(partial(self._take, _Step(backfill, source, page, part)))
            if not backfill.dry_run:
                self._admission.took(len(taken.requests))
                self._room.took(len(taken.requests))
            if taken.reached == part.until:
                return
            part = KeyRange(number=part.number, after=taken.reached, until=part.until)

    def _take(self, step: "_Step", db: Connection, now: float) -> Taken:
        """Enqueue what a page lacks and record how far the range is, in one transaction: no page is taken twice."""
        backfill, part, rows = step.backfill, step.part, Backfills(db)
        most = None if backfill.limit is None else backfill.limit - rows.get(backfill.id).enqueued
        taken = step.source.take(step.page, part, db, now=now, most=most)
        if not backfill.dry_run:
            Intake(db, self._settings.queue_shards).enqueue(taken.requests, now=now)
        rows.advance(backfill, part, reached=taken.reached, found=taken.found)
        if len(taken.requests) == most or not rows.ranges(backfill.id, limit=1):
            rows.finish(backfill.id, now=now)
            emit("backfill.done", backfill_id=backfill.id)
        return taken

    async def _stumble(self, backfill: Backfill, error: RaythumbsError) -> None:
        """Fail a backfill, unless the error may pass by itself: then the next iteration goes on."""
        emit_trouble("backfill.stumbled", error, backfill_id=backfill.id)
        if isinstance(error, StoreRefused) or not error.retryable:
            await self._record.write(lambda db, now: Backfills(db).fail(backfill.id, error, now=now))
        else:
            await self._record.write(lambda db, _now: Backfills(db).note(backfill.id, error))

    # --- what is listed

    def _pages_of(self, backfill: Backfill) -> Pages:
        if backfill.source == RECORD:
            return RecordPages(backfill, self._plan, size=self._keys_a_page)
        store = self._plan.stores.at(backfill.source)
        rule = self._settings.folder_rule
        return StorePages(backfill, self._plan, store, folder_rule=rule, size=self._keys_a_page)

    async def _next_page(self, backfill: Backfill, source: Pages, part: KeyRange) -> Page:
        """Return the page at the beginning of a range.

        Its listing is kept for the next page, so that no page is asked for twice. It is dropped if it breaks, or if it
        is not where the range is, because a page was not recorded.
        """
        kept = self._listings.setdefault(backfill.id, {})
        listing = kept.pop(part.number, None)
        if listing is None or listing.reached != part.after:
            listing = _Listing(source.pages(part), part.after)
        page = await asyncio.to_thread(next, listing.pages)
        kept[part.number] = _Listing(listing.pages, page.until)
        return page

    def _forget_all_but(self, ids: set[str]) -> None:
        for backfill_id in self._listings.keys() - ids:
            self._forget(backfill_id)
        for backfill_id in self._counting.keys() - ids:
            self._counting.pop(backfill_id).cancel()
        self._speeds.forget_all_but(ids)

    def _forget(self, backfill_id: str) -> None:
        self._listings.pop(backfill_id, None)

    # --- how much there is

    def _count_ahead(self, backfill: Backfill) -> None:
        """Count what is left, beside the loop, while a backfill waits for room: that tells how long it will take."""
        if backfill.total is None and backfill.limit is None and backfill.id not in self._counting:
            self._counting[backfill.id] = asyncio.create_task(run_safely(partial(self._count, backfill.id)))

    async def _count(self, backfill_id: str) -> None:
        backfill, parts = await self._record.read(
            lambda db: (Backfills(db).get(backfill_id), Backfills(db).ranges(backfill_id))
        )
        total = backfill.listed
        source = self._pages_of(backfill)
        for part in parts:
            pages = source.pages(part)
            while (page := await asyncio.to_thread(next, pages, None)) is not None:
                total += len(page.stats)
        await self._record.write(lambda db, _now: Backfills(db).learn_total(backfill_id, total))


async def _all(turns: Sequence[Coroutine[None, None, None]]) -> None:
    """Wait until every turn has ended, and raise the first error of one."""
    outcomes = await asyncio.gather(*turns, return_exceptions=True)
    for error in outcomes:
        if isinstance(error, BaseException):
            raise error


def _divide(backfill: Backfill, parts: list[KeyRange], db: Connection, _now: float) -> None:
    rows = Backfills(db)
    rows.divide(backfill.id, parts, total=rows.photos() if backfill.source == RECORD else None)
