"""The fair order of each shard and priority: folders take turns, so ten photos of one folder do not wait for ten
thousand of another.

A queued job has a turn, and one turn holds one new job of each folder. A folder's next job gets the turn after the
folder's last one. If the folder has no queued job, its job gets the turn after the one at the head. (With the turn at
the head itself, two folders that send one photo at a time would alternate for ever, and all others would wait.)

A job returns to the order when it must be tried again, or when a request raises its priority. It gets its turn when it
is due: its folder's share of the turns from the head on. So the turn at the head never goes down while a job waits.

Each query here is a probe of an index or an exact range of it, however many jobs wait.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import Connection, FromClause, Row, Select, bindparam, func, select, update
from sqlalchemy import literal_column as literal

from raythumbs.db.dialect import Bound, for_each_text, likely, texts
from raythumbs.db.job_rows import LIMIT, NOW, QUEUED, SHARD
from raythumbs.db.schema import jobs
from raythumbs.model.job import Priority

_FOLDER_LETTERS = 255  # of a folder's id that are kept in the index
_RETURNED_AT_ONCE = 1000
_LOOKED_AT = 100

_rank: Bound = bindparam("rank")
_has_turn = jobs.c.turn >= literal("0")
_in_order = (likely(QUEUED), jobs.c.shard == SHARD, jobs.c.priority == _rank, _has_turn)
_has_returned = (likely(QUEUED), jobs.c.shard == SHARD, jobs.c.turn.is_(None))
HEAD = select(jobs.c.turn).where(*_in_order).order_by(jobs.c.turn, jobs.c.id).limit(1)

FIRST: Select[Any] = (
    select(jobs.c.id, jobs.c.losses)
    .where(*_in_order)
    .order_by(jobs.c.shard, jobs.c.priority, jobs.c.turn, jobs.c.id)
    .limit(LIMIT)
    .with_for_update(skip_locked=True)
)


def _head_and_last(folders: FromClause) -> Select[Any]:
    """Select the turn at the head, and the last turn of each of these folders."""
    last = select(jobs.c.turn).where(*_in_order, jobs.c.folder_id == folders.c.value).correlate(folders)
    return select(
        folders.c.value.label("folder_id"),
        HEAD.scalar_subquery().label("head"),
        last.order_by(jobs.c.turn.desc()).limit(1).scalar_subquery().label("last"),
    )


HEAD_AND_LAST = for_each_text("folders", _head_and_last)
RETURNED = (
    select(jobs.c.id, jobs.c.priority, jobs.c.folder_id)
    .where(*_has_returned, jobs.c.due_at <= NOW)
    .order_by(jobs.c.due_at, jobs.c.id)
    .limit(LIMIT)
    .with_for_update(skip_locked=True)
)
GIVE_TURN = update(jobs).where(jobs.c.id == bindparam("joining_id")).values(turn=bindparam("given_turn"))
_ranks: list[Any] = [literal(str(priority.rank)) for priority in Priority]
WAITING = select(func.count()).select_from(
    select(jobs.c.id)
    .where(likely(QUEUED), jobs.c.shard == SHARD, jobs.c.priority.in_(_ranks), _has_turn)
    .union_all(select(jobs.c.id).where(*_has_returned, jobs.c.due_at <= NOW))
    .limit(LIMIT)
    .subquery()
)
_due_first = select(jobs.c.due_at).where(*_in_order).order_by(jobs.c.turn, jobs.c.id).limit(_LOOKED_AT).subquery()
DUE_SINCE = select(func.min(_due_first.c.due_at))
RETURNED_SINCE = select(func.min(jobs.c.due_at)).where(*_has_returned)
NOT_DUE = select(func.count()).where(*_has_returned, jobs.c.due_at > NOW)


class Place(NamedTuple):
    """The shard, priority and folder in which a job joins the order."""

    shard: int
    priority: Priority
    folder_id: str


class FairOrder:
    """The order of one shard's jobs, over one connection in a transaction."""

    def __init__(self, connection: Connection, shard: int = 0) -> None:
        self._connection = connection
        self._shard = shard

    def next_turns(self, places: Iterable[Place]) -> dict[Place, int]:
        """Return the turn of each place's next new job. Jobs after it get the turns after it. Any shard is allowed."""
        turns: dict[Place, int] = {}
        wanted = set(places)
        for shard, priority in {(place.shard, place.priority) for place in wanted}:
            folders = sorted(place.folder_id for place in wanted if (place.shard, place.priority) == (shard, priority))
            asked = {"of_shard": shard, "rank": priority.rank, "folders": texts(self._connection, folders)}
            for row in self._connection.execute(HEAD_AND_LAST.of(self._connection), asked):
                turns[Place(shard, priority, row.folder_id)] = _next(row.head, row.last)
        return turns

    def give_turns(self, places: Mapping[str, Place], first: Mapping[Place, int]) -> None:
        """Give turns to jobs at these places, by their ids; `first` has the first turn of each place."""
        turns = zip(places, numbered(places.values(), first), strict=True)
        if joining := [{"joining_id": job_id, "given_turn": turn} for job_id, turn in turns]:
            self._connection.execute(GIVE_TURN, joining)

    def admit_returned(self, *, now: float) -> None:
        """Give turns from the head on to the jobs that returned and are due, at most a thousand at a time."""
        due = self._connection.execute(RETURNED, {"of_shard": self._shard, "now": now, "most": _RETURNED_AT_ONCE})
        places = {row.id: Place(self._shard, Priority.ranked(row.priority), row.folder_id) for row in due}
        priorities = {place.priority for place in places.values()}
        heads = {one: self._connection.scalar(HEAD, self._of(one)) or 0 for one in priorities}
        self.give_turns(places, {place: heads[place.priority] for place in places.values()})

    def first(self, limit: int, *, of: Priority) -> Sequence[Row[Any]]:
        """Return the ids and losses of up to `limit` jobs of a priority, in the order of their turns."""
        return self._connection.execute(FIRST, self._of(of) | {"most": limit}).all()

    def waiting(self, *, now: float, limit: int) -> int:
        """Count the jobs that have a turn, or returned and are due, up to `limit`."""
        return self._connection.execute(WAITING, {"of_shard": self._shard, "now": now, "most": limit}).scalar_one()

    def due_since(self) -> dict[Priority, float]:
        """Return since when each priority has had a job waiting: the first `due_at` of the hundred jobs at its head.

        These include the next job of every folder, or of the next hundred folders. A priority is left out if none of
        its jobs has a turn.
        """
        since = {one: self._connection.scalar(DUE_SINCE, self._of(one)) for one in Priority}
        return {priority: due_at for priority, due_at in since.items() if due_at is not None}

    def returned_since(self) -> float | None:
        """Return the first `due_at` of the jobs that returned and have no turn yet."""
        since: float | None = self._connection.scalar(RETURNED_SINCE, {"of_shard": self._shard})
        return since

    def retries_waiting(self, *, now: float) -> int:
        """Count the jobs that returned and are not due yet."""
        return self._connection.execute(NOT_DUE, {"of_shard": self._shard, "now": now}).scalar_one()

    def _of(self, priority: Priority) -> dict[str, int]:
        return {"of_shard": self._shard, "rank": priority.rank}


def folder_key(folder_id: str | None) -> str:
    """Return the folder's id as the order keeps it: without NULs, at which SQLite's JSON would end, and never long.

    The end of a long id is replaced by a digest of all of it. Photos without a folder share one key.
    """
    key = (folder_id or "").replace("\0", "")
    if len(key) <= _FOLDER_LETTERS:
        return key
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return key[: _FOLDER_LETTERS - len(digest)] + digest


def numbered(places: Iterable[Place], first: Mapping[Place, int]) -> list[int]:
    """Return the turns of new jobs at these places; `first` has the first turn of each place."""
    turns = {place: count(turn) for place, turn in first.items()}
    return [next(turns[place]) for place in places]


def _next(head: int | None, last: int | None) -> int:
    if head is None:
        return 0
    return (head if last is None else last) + 1
