"""The line of each shard and priority, in which folders take turns: ten photos of one do not wait for ten thousand of
another.

What waits has a turn, and a turn has one new job of each folder: a folder's next job gets the turn after its last, and
of a folder that has none in the line, the turn after the one at the head. (Were it the very turn at the head, two
folders that send one photo at a time would take it in turns for ever, and all others wait.) What was queued before and
comes back, be it to be tried again or because somebody asks for it with more haste, gets its turn when it is due: its
folder's share of the turns from the head on. So the turn at the head never goes down while somebody waits.

All that is asked here is found by a probe of an index or an exact range of it, however long the lines are.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import Connection, FromClause, Row, Select, String, bindparam, func, select, update
from sqlalchemy import literal_column as literal
from sqlalchemy.dialects import postgresql

from raythumbs.db.schema import jobs
from raythumbs.db.statements import WAITS, Bound, likely
from raythumbs.model.job import Priority

_FOLDER_LETTERS = 255  # what has a place in an index, however long its letters are
_BACK_AT_ONCE = 1000
_LOOKED_AT = 100

_rank: Bound = bindparam("rank")
_most: Bound = bindparam("most")
_shard: Bound = bindparam("of_shard")
_now: Bound = bindparam("now")
_has_turn = jobs.c.turn >= literal("0")
_in_line = (likely(WAITS), jobs.c.shard == _shard, jobs.c.priority == _rank, _has_turn)
_is_back = (likely(WAITS), jobs.c.shard == _shard, jobs.c.turn.is_(None))
HEAD = select(jobs.c.turn).where(*_in_line).order_by(jobs.c.turn, jobs.c.id).limit(1)

FIRST: Select[Any] = (
    select(jobs.c.id, jobs.c.losses)
    .where(*_in_line)
    .order_by(jobs.c.shard, jobs.c.priority, jobs.c.turn, jobs.c.id)
    .limit(_most)
    .with_for_update(skip_locked=True)
)


def _ends(folders: FromClause) -> Select[Any]:
    """The turn at the line's head, and the last of each of these folders."""
    last = select(jobs.c.turn).where(*_in_line, jobs.c.folder_id == folders.c.value).correlate(folders)
    return select(
        folders.c.value.label("folder_id"),
        HEAD.scalar_subquery().label("head"),
        last.order_by(jobs.c.turn.desc()).limit(1).scalar_subquery().label("last"),
    )


_array = func.unnest(bindparam("folders", type_=postgresql.ARRAY(String)))
ENDS: Mapping[str, Select[Any]] = {
    "sqlite": _ends(func.json_each(bindparam("folders")).table_valued("value")),
    "postgresql": _ends(_array.table_valued("value").render_derived()),
}
_FOLDERS: Mapping[str, Callable[[list[str]], object]] = {"sqlite": json.dumps, "postgresql": list}
BACK = (
    select(jobs.c.id, jobs.c.priority, jobs.c.folder_id)
    .where(*_is_back, jobs.c.due_at <= _now)
    .order_by(jobs.c.due_at, jobs.c.id)
    .limit(_most)
    .with_for_update(skip_locked=True)
)
TAKE_PLACE = update(jobs).where(jobs.c.id == bindparam("joining_id")).values(turn=bindparam("given_turn"))
_ranks: list[Any] = [literal(str(priority.rank)) for priority in Priority]
WAITING = select(func.count()).select_from(
    select(jobs.c.id)
    .where(likely(WAITS), jobs.c.shard == _shard, jobs.c.priority.in_(_ranks), _has_turn)
    .union_all(select(jobs.c.id).where(*_is_back, jobs.c.due_at <= _now))
    .limit(_most)
    .subquery()
)
_due_first = select(jobs.c.due_at).where(*_in_line).order_by(jobs.c.turn, jobs.c.id).limit(_LOOKED_AT).subquery()
DUE_SINCE = select(func.min(_due_first.c.due_at))
BACK_SINCE = select(func.min(jobs.c.due_at)).where(*_is_back)
NOT_DUE = select(func.count()).where(*_is_back, jobs.c.due_at > _now)


class Place(NamedTuple):
    """Where a job joins: a line, and a folder in it."""

    shard: int
    priority: Priority
    folder_id: str


class Line:
    """The lines of a shard, over one connection in a transaction."""

    def __init__(self, connection: Connection, shard: int = 0) -> None:
        self._connection = connection
        self._shard = shard
        self._dialect = connection.dialect.name

    def next_turns(self, places: Iterable[Place]) -> dict[Place, int]:
        """Return the turn of each place's next new job, whatever its shard; those after it have the turns after it."""
        turns: dict[Place, int] = {}
        wanted = set(places)
        for shard, priority in {(place.shard, place.priority) for place in wanted}:
            folders = sorted(place.folder_id for place in wanted if (place.shard, place.priority) == (shard, priority))
            asked = {"of_shard": shard, "rank": priority.rank, "folders": _FOLDERS[self._dialect](folders)}
            for row in self._connection.execute(ENDS[self._dialect], asked):
                turns[Place(shard, priority, row.folder_id)] = _next(row.head, row.last)
        return turns

    def take(self, places: Mapping[str, Place], first: Mapping[Place, int]) -> None:
        """Give jobs, by their ids, turns at their places, where the first of each place has the one that is told."""
        turns = zip(places, numbered(places.values(), first), strict=True)
        if joining := [{"joining_id": job_id, "given_turn": turn} for job_id, turn in turns]:
            self._connection.execute(TAKE_PLACE, joining)

    def take_back(self, *, now: float) -> None:
        """Give turns from the head on to what came back and is due; of very many, to the first of them."""
        due = self._connection.execute(BACK, {"of_shard": self._shard, "now": now, "most": _BACK_AT_ONCE})
        places = {row.id: Place(self._shard, Priority.ranked(row.priority), row.folder_id) for row in due}
        lines = {place.priority for place in places.values()}
        heads = {one: self._connection.scalar(HEAD, self._line(one)) or 0 for one in lines}
        self.take(places, {place: heads[place.priority] for place in places.values()})

    def first(self, limit: int, *, of: Priority) -> Sequence[Row[Any]]:
        """Return the ids and losses of up to `limit` jobs at the head of a line."""
        return self._connection.execute(FIRST, self._line(of) | {"most": limit}).all()

    def waiting(self, *, now: float, limit: int) -> int:
        """Count what is in the lines or is due to come back, up to `limit`."""
        return self._connection.execute(WAITING, {"of_shard": self._shard, "now": now, "most": limit}).scalar_one()

    def due_since(self) -> dict[Priority, float]:
        """Return since when somebody waits, for each line that is not empty: the first `due_at` of the hundred jobs at
        its head. Every folder's next job is among them, or, of a hundred folders and more, those that are next."""
        since = {one: self._connection.scalar(DUE_SINCE, self._line(one)) for one in Priority}
        return {priority: due_at for priority, due_at in since.items() if due_at is not None}

    def back_since(self) -> float | None:
        """Return the first `due_at` of what came back and is not in line yet."""
        since: float | None = self._connection.scalar(BACK_SINCE, {"of_shard": self._shard})
        return since

    def waiting_for_another_try(self, now: float) -> int:
        """Return how many jobs failed and are not due yet."""
        return self._connection.execute(NOT_DUE, {"of_shard": self._shard, "now": now}).scalar_one()

    def _line(self, priority: Priority) -> dict[str, int]:
        return {"of_shard": self._shard, "rank": priority.rank}


def folder_in_line(folder_id: str | None) -> str:
    """Return what the line knows a folder by; photos without one are one folder. SQLite's JSON would end at a NUL."""
    return (folder_id or "")[:_FOLDER_LETTERS].replace("\0", "")


def numbered(places: Iterable[Place], first: Mapping[Place, int]) -> list[int]:
    """Return the turns of new jobs at these places, where the first of each place has the turn that is told."""
    turns = {place: count(turn) for place, turn in first.items()}
    return [next(turns[place]) for place in places]


def _next(head: int | None, last: int | None) -> int:
    if head is None:
        return 0
    return (head if last is None else last) + 1
