"""Backfills as rows: what was asked, how far each is, and what of it is still to be listed."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, exists, func, insert, select, update

from raythumbs.db.dialect import likely
from raythumbs.db.job_rows import QUEUED, cause_of, is_in
from raythumbs.db.rows import as_word, names_of
from raythumbs.db.schema import backfill_ranges, backfills, jobs, photos
from raythumbs.errors import IllegalMove, RaythumbsError, TooManyBackfills, UnknownBackfill
from raythumbs.model.backfill import (
    NEXT,
    UNFINISHED,
    Backfill,
    BackfillRequest,
    BackfillState,
    Counts,
    KeyRange,
)
from raythumbs.model.ids import new_id
from raythumbs.model.job import Priority, State

_MOST_UNFINISHED = 100
_KEPT = 1000  # ended ones; the oldest go
_MOST_FAILED = 10_000  # are counted of each backfill
_LISTED = 100  # are told, the newest
_LAST = "\U0010ffff"  # sorts after every other letter

_NO_CAUSE: dict[str, Any] = {"code": None, "reason": None}
_BY_ID = backfills.c.id == bindparam("of_backfill")


class Ended(RaythumbsError):
    """The backfill no longer lists, or its range is somewhere else. It undoes a page that was under way meanwhile."""

    code = "backfill_ended"


class Backfills:
    """The backfills, over one connection in a transaction. `now` is the database's time, in UTC seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- reading

    def get(self, backfill_id: str) -> Backfill:
        """Return the backfill, or raise UnknownBackfill."""
        row = self._connection.execute(select(backfills).where(_BY_ID), {"of_backfill": backfill_id}).one_or_none()
        if row is None:
            raise UnknownBackfill(f"there is no backfill {backfill_id!r}")
        return _as_backfill(row)

    def all(self) -> list[Backfill]:
        """Return the newest backfills, the newest first."""
        rows = self._connection.execute(select(backfills).order_by(backfills.c.id.desc()).limit(_LISTED))
        return [_as_backfill(row) for row in rows]

    def listing(self) -> list[Backfill]:
        """Return the backfills that list, the oldest first."""
        rows = self._connection.execute(
            select(backfills).where(backfills.c.state == BackfillState.LISTING).order_by(backfills.c.id)
        )
        return [_as_backfill(row) for row in rows]

    def with_failed(self, backfill: Backfill) -> Backfill:
        """Return the backfill with the number of photos that failed since it began: LOW jobs of its place."""
        first = new_id(now=backfill.started_at, random=bytes)
        place = "" if "://" not in backfill.source else backfill.source
        failed = 0
        if not backfill.dry_run:
            counted = select(func.count()).select_from(_failed_below(place).subquery())
            failed = self._connection.execute(counted, {"first_job": first}).scalar_one()
        return replace(backfill, failed=failed + backfill.refused)

    def ranges(self, backfill_id: str, *, limit: int | None = None) -> list[KeyRange]:
        """Return the ranges that are still to be listed, in their order."""
        query = (
            select(backfill_ranges)
            .where(backfill_ranges.c.backfill_id == backfill_id)
            .order_by(backfill_ranges.c.number)
            .limit(limit)
        )
        return [
            KeyRange(number=row.number, after=json.loads(row.after), until=json.loads(row.until))
            for row in self._connection.execute(query)
        ]

    def low_waiting(self, *, shards: int, limit: int) -> int:
        """Count the queued jobs of LOW priority of so many shards, up to `limit`."""
        of_shards = jobs.c.shard.in_(range(shards))  # the index of the fair order begins with it
        low = select(jobs.c.id).where(likely(QUEUED), of_shards, jobs.c.priority == Priority.LOW.rank).limit(limit)
        return self._connection.execute(select(func.count()).select_from(low.subquery())).scalar_one()

    def photos(self) -> int:
        """Count the photos of the record."""
        return self._connection.execute(select(func.count()).select_from(photos)).scalar_one()

    # --- by a person

    def begin(self, request: BackfillRequest, *, now: float) -> Backfill:
        """Begin a backfill; the same request again finds it. Raise TooManyBackfills if many are unfinished."""
        known = self._connection.execute(select(backfills).where(_BY_ID), {"of_backfill": request.id}).one_or_none()
        if known is not None:
            return _as_backfill(known)
        unfinished = select(func.count()).where(backfills.c.state.in_(sorted(UNFINISHED)))
        if self._connection.execute(unfinished).scalar_one() >= _MOST_UNFINISHED:
            raise TooManyBackfills(f"{_MOST_UNFINISHED} backfills are not finished, the most at one time: cancel some")
        self._forget_old()
        values = asdict(request) | {"state": BackfillState.LISTING, "started_at": now}
        self._connection.execute(insert(backfills).values(values))
        return self.get(request.id)

    def pause(self, backfill_id: str) -> Backfill:
        """List no more until it is resumed."""
        return self._move(backfill_id, BackfillState.PAUSED)

    def resume(self, backfill_id: str) -> Backfill:
        """Go on where it was, also after a failure."""
        return self._move(backfill_id, BackfillState.LISTING, ended_at=None, **_NO_CAUSE)

    def cancel(self, backfill_id: str, *, now: float) -> Backfill:
        """End it. Photos that are enqueued already are rendered."""
        return self._move(backfill_id, BackfillState.CANCELLED, ended_at=now)

    # --- by the backfiller

    def divide(self, backfill_id: str, ranges: Iterable[KeyRange], *, total: int | None = None) -> None:
        """Write what is to be listed, in place of what was written before."""
        self._drop_ranges(backfill_id)
        for one in ranges:
            keys = {"after": json.dumps(one.after), "until": json.dumps(one.until)}
            values = {"backfill_id": backfill_id, "number": one.number} | keys
            self._connection.execute(insert(backfill_ranges).values(values))
        if total is not None:
            self.learn_total(backfill_id, total)

    def learn_total(self, backfill_id: str, total: int) -> None:
        """Record how many objects there are."""
        self._update(backfill_id, total=total)

    def advance(self, backfill: Backfill, part: KeyRange, *, reached: str, found: Counts) -> None:
        """Record that a range was listed up to a key, and add what was found on the way.

        Raise Ended if the backfill no longer lists or the range is not where `part` says: then the transaction is to
        be undone.
        """
        is_here = (
            backfill_ranges.c.backfill_id == backfill.id,
            backfill_ranges.c.number == part.number,
            backfill_ranges.c.after == json.dumps(part.after),
        )
        move = (
            delete(backfill_ranges)
            if reached == part.until
            else update(backfill_ranges).values(after=json.dumps(reached))
        )
        more: dict[str, Any] = {name: backfills.c[name] + getattr(found, name) for name in names_of(Counts)}
        moved = self._connection.execute(move.where(*is_here)).rowcount
        lists = _BY_ID, backfills.c.state == BackfillState.LISTING
        added = self._connection.execute(
            update(backfills).where(*lists).values(**more, **_NO_CAUSE), {"of_backfill": backfill.id}
        ).rowcount
        if not (moved and added):
            raise Ended(f"backfill {backfill.id} no longer lists")

    def finish(self, backfill_id: str, *, now: float) -> None:
        """Record that all is listed, or that the limit is reached."""
        self._drop_ranges(backfill_id)
        self._move(backfill_id, BackfillState.DONE, ended_at=now)

    def fail(self, backfill_id: str, error: RaythumbsError, *, now: float) -> None:
        """End it with an error that a person must mend."""
        self._move(backfill_id, BackfillState.FAILED, ended_at=now, **_cause(error))

    def note(self, backfill_id: str, error: RaythumbsError) -> None:
        """Record what holds it up; the next page forgets it."""
        self._update(backfill_id, **_cause(error))

    # ---

    def _move(self, backfill_id: str, state: BackfillState, **values: Any) -> Backfill:  # noqa: ANN401 of columns
        before = [one for one, targets in NEXT.items() if state in targets]
        move = update(backfills).where(_BY_ID, backfills.c.state.in_(before)).values(state=state, **values)
        moved = self._connection.execute(move, {"of_backfill": backfill_id}).rowcount
        backfill = self.get(backfill_id)
        if not moved and backfill.state is not state:
            raise IllegalMove(f"backfill {backfill_id} is {backfill.state}; it cannot be {state}")
        return backfill

    def _update(self, backfill_id: str, **values: Any) -> None:  # noqa: ANN401 of columns
        self._connection.execute(update(backfills).where(_BY_ID).values(**values), {"of_backfill": backfill_id})

    def _drop_ranges(self, backfill_id: str) -> None:
        self._connection.execute(delete(backfill_ranges).where(backfill_ranges.c.backfill_id == backfill_id))

    def _forget_old(self) -> None:
        """Delete all ended backfills but the newest, with their ranges."""
        ended = select(backfills.c.id).where(backfills.c.state.not_in(sorted(UNFINISHED)))
        old: Sequence[str] = self._connection.scalars(ended.order_by(backfills.c.id.desc()).offset(_KEPT)).all()
        for backfill_id in old:
            self._drop_ranges(backfill_id)
            self._connection.execute(delete(backfills).where(_BY_ID), {"of_backfill": backfill_id})


def _failed_below(place: str) -> Any:  # noqa: ANN401 a Select
    query = (
        select(jobs.c.id)
        .where(is_in(State.FAILED), jobs.c.id >= bindparam("first_job"), jobs.c.priority == Priority.LOW.rank)
        .limit(_MOST_FAILED)
    )
    if place:
        lies_below = and_(photos.c.source >= place, photos.c.source < place + _LAST)
        query = query.where(exists().where(photos.c.id == jobs.c.photo_id, lies_below))
    return query


def _cause(error: RaythumbsError) -> dict[str, Any]:
    bound = cause_of(error)
    return {"code": bound["new_code"], "reason": bound["new_reason"]}


def _as_backfill(row: Row[Any]) -> Backfill:
    unknown: dict[str, Any] = {"failed": row.refused, "photos_per_second": 0.0, "seconds_left": None}
    return as_word(Backfill, row, state=BackfillState(row.state), **unknown)
