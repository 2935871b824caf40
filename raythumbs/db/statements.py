"""The statements, built once: building one costs more than running it. Names in them are what a caller binds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    String,
    Table,
    Update,
    any_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NULLTYPE

from raythumbs.db.schema import events, jobs, leftovers, photos, renditions
from raythumbs.model.job import INCOMPLETE, NEXT, State
from raythumbs.model.photo import PictureFacts

Bound = BindParameter[Any]


def _by_dialect(build: Callable[[Any], Any], table: Table, *names: str) -> Mapping[str, Any]:
    """An INSERT of many rows, for `rows.for_each`. Both dialects spell ON CONFLICT alike; SQLAlchemy keeps it in two
    places, without a common type. PostgreSQL takes a thousand rows as an array for each column, in a third of the time
    that it needs to read a parameter for each value."""
    rows = _rows({name: table.c[name] for name in names})
    return {
        "sqlite": build(sqlite.insert(table)),
        "postgresql": build(postgresql.insert(table).from_select(names, rows)),
    }


def _rows(columns: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """Bound arrays, of the types of these columns, as rows."""
    arrays = {
        name: bindparam(name, type_=postgresql.ARRAY(column.type, dimensions=1)) for name, column in columns.items()
    }
    return select(*(func.unnest(array).label(name) for name, array in arrays.items()))


def _among(name: str) -> Any:  # noqa: ANN401 SQLAlchemy's own shorthand
    return bindparam(name, expanding=True)


class likely(GenericFunction[Any]):  # noqa: N801 SQLite's own name
    """A condition that most rows meet. SQLite takes a state for rare (10 rows) unless it is told so, and goes through
    all the jobs of a state where another index leads to the few that are wanted."""

    type = NULLTYPE  # as a Boolean it would be compared with 1, and hide the condition from SQLite
    inherit_cache = True


class guard(GenericFunction[Any]):  # noqa: N801 as above
    """A condition on rows that another one finds. It is never a way to find them: PostgreSQL counts its rows only now
    and then, so it may think that three jobs wait, and go through all of a million to find the ten whose ids it has."""

    type = NULLTYPE
    inherit_cache = True


@compiles(likely, "postgresql")
def _without_hint(condition: likely, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 the compiler's own
    return compiler.process(condition.clause_expr, **options)


@compiles(guard, "postgresql")
def _of_no_index(condition: guard, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 as above
    return f"COALESCE({compiler.process(condition.clause_expr, **options)}, false)"


@compiles(guard, "sqlite")
def _hinted(condition: guard, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 as above
    return f"likely{compiler.process(condition.clause_expr, **options)}"


def _of(statement: Any, column: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401 as above
    """Narrow a statement to the rows where the column has one of the bound values. PostgreSQL takes an array of them,
    for the reason told above."""
    array = bindparam(name, type_=postgresql.ARRAY(String))
    return {
        "sqlite": statement.where(column.in_(_among(name))),
        "postgresql": statement.where(column == any_(array)),
    }


def _is(state: State) -> ColumnElement[bool]:
    return jobs.c.state == _literal(state)


def _is_one_of(states: Iterable[State], *, of: FromClause = jobs) -> ColumnElement[bool]:
    return of.c.state.in_([_literal(state) for state in sorted(states)])


def _literal(state: State) -> ColumnElement[str]:
    """A state as a part of the statement's text: SQLite must see it, and see it as its partial indexes spell it, to use
    one of them; what is bound it sees too late, or prepares the statement again."""
    return literal_column(f"'{state}'", String)


def _move(state: State) -> Update:
    allowed = _is_one_of(before for before, targets in NEXT.items() if state in targets)
    return update(jobs).where(guard(allowed)).values(state=state)


INCOMPLETE_JOB = likely(_is_one_of(INCOMPLETE))
INCOMPLETE_ONLY = guard(_is_one_of(INCOMPLETE))
WAITS = _is(State.QUEUED)
_running = _is(State.RUNNING)


def _settle(state: State) -> Update:
    """A move of the one who holds the lease; the attempt is the fence."""
    held = jobs.c.id == bindparam("held_id"), jobs.c.attempt == bindparam("held_attempt"), guard(_running)
    return update(jobs).where(*held).values(state=state, lease_until=None)


_now: Bound = bindparam("now")
_most: Bound = bindparam("most")
_shard: Bound = bindparam("of_shard")
_told: Mapping[str, Bound] = {"code": bindparam("told_code"), "reason": bindparam("told_reason")}
_untold = {"code": None, "reason": None}
_budgets = dict.fromkeys(("errors", "timeouts", "crashes", "losses"), 0)
_due_by_now = case((jobs.c.due_at > _now, _now), else_=jobs.c.due_at)
_of_jobs = (column for column in jobs.c if column.name != "folder_id")  # which is told as the photo has it
_jobs: Select[Any] = select(*_of_jobs, photos.c.source, photos.c.folder_id).join(photos)

# --- in

REMEMBER = _by_dialect(
    lambda insertion: insertion.on_conflict_do_nothing().returning(events.c.id), events, "id", "seen_at"
)
ENQUEUE = _by_dialect(
    lambda insertion: insertion.on_conflict_do_nothing().returning(jobs.c.photo_id),
    jobs, "id", "photo_id", "folder_id", "shard", "state", "priority", "turn", "created_at", "due_at",
)  # fmt: skip
INCOMPLETE_OF_PHOTOS = _jobs.where(jobs.c.photo_id.in_(_among("photo_ids")), INCOMPLETE_JOB)
SEQUENCES = _of(select(photos.c.source, photos.c.sequence), photos.c.source, "sources")
INCOMPLETE_OF_SOURCES = _of(
    select(jobs.c.id, jobs.c.state, photos.c.source, photos.c.version).join(photos).where(INCOMPLETE_ONLY),
    photos.c.source,
    "sources",
)
SUPERSEDE = (
    _move(State.CANCELLED).where(jobs.c.id.in_(_among("ids"))).values(finished_at=_now, lease_until=None, **_told)
)
BEGIN_ANEW = (
    update(jobs).where(jobs.c.id.in_(_among("ids")), guard(WAITS)).values(due_at=_due_by_now, **_budgets, **_untold)
)
CANCEL_OF_PHOTOS = (
    _move(State.CANCELLED)
    .where(jobs.c.photo_id.in_(_among("photo_ids")), INCOMPLETE_JOB)  # says nothing more, but has an index of photos
    .values(finished_at=_now, lease_until=None, **_told)
)
HASTEN = (
    update(jobs)
    .where(
        jobs.c.photo_id.in_(_among("photo_ids")),
        INCOMPLETE_JOB,  # as above
        guard(WAITS),
        jobs.c.priority > bindparam("rank"),
    )
    .values(priority=bindparam("rank"), due_at=_due_by_now, turn=None)
)

# --- out

BACKLOG = select(func.count()).select_from(select(jobs.c.id).where(WAITS).limit(_most).subquery())
LEASE = _of(
    _move(State.RUNNING).values(attempt=jobs.c.attempt + 1, lease_until=bindparam("until"), started_at=_now),
    jobs.c.id,
    "ids",
)
LEASED = _of(select(jobs, photos.c.source, photos.c.version, photos.c.size_bytes).join(photos), jobs.c.id, "ids")
_renewed = update(jobs).values(lease_until=bindparam("until"))
_held = _rows({"held_ids": jobs.c.id, "held_attempts": jobs.c.attempt}).subquery()
_is_held = jobs.c.id == _held.c.held_ids, jobs.c.attempt == _held.c.held_attempts, guard(_running)
# Of thousands of leases: SQLite takes one after the other, and PostgreSQL two arrays, in a quarter of the time.
RENEW = {
    "sqlite": _settle(State.RUNNING).values(lease_until=bindparam("until")),
    "postgresql": _renewed.where(*_is_held),
}

# --- back

# Of many leases at one time: the fence of each is its pair. The ids alone are what SQLite finds its index by;
# PostgreSQL would compare each row with each pair.
_finished = (
    update(jobs)
    .values(state=State.SUCCEEDED, lease_until=None, finished_at=_now, **_untold)
    .returning(jobs.c.id, jobs.c.attempt)
)
FINISH = {
    "sqlite": _finished.where(
        jobs.c.id.in_(_among("held_ids")), tuple_(jobs.c.id, jobs.c.attempt).in_(_among("held")), _running
    ),
    "postgresql": _finished.where(*_is_held),
}
FAIL = _settle(State.FAILED).values(finished_at=_now, **_told)
RELEASE = _settle(State.QUEUED).values(
    due_at=bindparam("due"),
    turn=None,
    errors=jobs.c.errors + bindparam("more_errors"),
    timeouts=jobs.c.timeouts + bindparam("more_timeouts"),
    crashes=jobs.c.crashes + bindparam("more_crashes"),
    losses=jobs.c.losses + bindparam("more_losses"),
    **_told,
)
DROP = _settle(State.CANCELLED).values(finished_at=_now, **_told)
RESCUE = (
    update(jobs)
    .where(jobs.c.lease_until < _now, _running, jobs.c.shard == _shard)
    .values(state=State.QUEUED, due_at=_now, turn=None, lease_until=None, losses=jobs.c.losses + 1)
    .returning(jobs.c.id)
)
READOPT = (
    update(jobs)
    .where(_running, jobs.c.shard == _shard)
    .values(state=State.QUEUED, due_at=_now, turn=None, lease_until=None)
    .returning(jobs.c.id)
)

# --- by a person

_others = jobs.alias()
_busy = exists().where(_others.c.photo_id == jobs.c.photo_id, likely(_is_one_of(INCOMPLETE, of=_others)))
CANCEL = _move(State.CANCELLED).where(jobs.c.id.in_(_among("ids"))).values(finished_at=_now, lease_until=None, **_told)
RETRY = (
    update(jobs)
    .where(jobs.c.id.in_(_among("ids")), guard(_is(State.FAILED)), ~_busy)
    .values(state=State.QUEUED, due_at=_now, turn=None, finished_at=None, **_budgets, **_untold)
)

# --- old

PRUNE = delete(jobs).where(
    jobs.c.id.in_(
        select(jobs.c.id)
        .where(jobs.c.finished_at < bindparam("before"), likely(jobs.c.state.in_(_among("states"))))
        .limit(_most)
    )
)
FORGET = delete(events).where(
    events.c.id.in_(select(events.c.id).where(events.c.seen_at < bindparam("before")).limit(_most))
)

# --- to look at

JOB = _jobs.where(jobs.c.id == bindparam("id"))


def page(state: State | None, after: str | None, limit: int) -> Select[Any]:
    """Return the query for a page of jobs, the newest first."""
    query = _jobs.order_by(jobs.c.id.desc()).limit(limit)
    query = query.where(jobs.c.state == state) if state else query
    return query.where(jobs.c.id < after) if after else query


# --- photos


def _record(insertion: Any) -> Any:  # noqa: ANN401 see _by_dialect
    new = insertion.excluded
    told = {name: func.coalesce(new[name], photos.c[name]) for name in ("version", "size_bytes", "sequence")}
    told |= {name: func.coalesce(photos.c[name], new[name]) for name in ("folder_id", "file_name")}
    told["deleted_at"] = new.deleted_at
    return insertion.on_conflict_do_update(index_elements=[photos.c.source], set_=told).returning(
        photos.c.id, photos.c.source, photos.c.folder_id
    )


RECORD = _by_dialect(
    _record, photos, "id", "source", "version", "folder_id", "file_name", "size_bytes", "created_at", "sequence",
    "deleted_at",
)  # fmt: skip
_facts = {field.name: f"seen_{field.name}" for field in fields(PictureFacts)}
_seen = _rows({"of_photo": photos.c.id} | {seen: photos.c[name] for name, seen in _facts.items()}).subquery()
DESCRIBE = {
    "sqlite": update(photos)
    .where(photos.c.id == bindparam("of_photo"))
    .values({name: bindparam(seen) for name, seen in _facts.items()}),
    "postgresql": update(photos)
    .where(photos.c.id == _seen.c.of_photo)
    .values({name: _seen.c[seen] for name, seen in _facts.items()}),
}
INSERT_RENDITIONS = _by_dialect(
    lambda insertion: insertion,
    renditions, "photo_id", "name", "width", "height", "format", "size_bytes", "key", "url",
)  # fmt: skip
DROP_RENDITIONS = _of(
    delete(renditions).returning(renditions.c.key, renditions.c.photo_id), renditions.c.photo_id, "photo_ids"
)
DELETED = update(photos).where(photos.c.id == bindparam("of_photo")).values(deleted_at=_now)
FORGET_DELETED = delete(photos).where(
    photos.c.id.in_(
        select(photos.c.id)
        .where(
            photos.c.deleted_at < bindparam("before"),
            ~exists().where(jobs.c.photo_id == photos.c.id),
            ~exists().where(renditions.c.photo_id == photos.c.id),
        )
        .limit(_most)
    )
)
PHOTO = select(photos).where(photos.c.id == bindparam("of_photo"))
RENDITIONS = select(renditions).where(renditions.c.photo_id == bindparam("of_photo")).order_by(renditions.c.name)

# --- leftovers

_led_to = exists().where(renditions.c.key == leftovers.c.key)
_in_work = exists().where(jobs.c.photo_id == leftovers.c.photo_id, INCOMPLETE_JOB)
LEAVE = _by_dialect(lambda insertion: insertion.on_conflict_do_nothing(), leftovers, "key", "photo_id", "due_at")
KEEP = delete(leftovers).where(leftovers.c.due_at <= _now, leftovers.c.begun_at.is_(None), _led_to)
_at_hand = select(leftovers.c.key).where(leftovers.c.due_at <= _now, ~_in_work)
BEGIN = (
    update(leftovers)
    .where(leftovers.c.key.in_(_at_hand.order_by(leftovers.c.due_at).limit(_most)))
    .values(begun_at=_now)
    .returning(leftovers.c.key)
)
POSTPONE = update(leftovers).where(leftovers.c.key.in_(_among("keys"))).values(due_at=bindparam("due"))
LED_TO = select(photos.c.id, photos.c.source, photos.c.version).where(
    photos.c.id.in_(select(renditions.c.photo_id).where(renditions.c.key.in_(_among("keys"))))
)
SWEEP = delete(leftovers).where(leftovers.c.key.in_(_among("keys")), ~_in_work)

# --- the time

SQLITE_NOW: Select[tuple[float]] = select(literal_column("(julianday('now') - 2440587.5) * 86400.0"))
POSTGRESQL_NOW = select(func.extract("epoch", func.clock_timestamp()))
