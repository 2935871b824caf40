"""The statements, built once: building one costs more than running it. Names in them are what a caller binds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    Table,
    Update,
    any_,
    bindparam,
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
    """An INSERT of many rows, for `rows.insert`. Both dialects spell ON CONFLICT alike; SQLAlchemy keeps it in two
    places, without a common type. PostgreSQL takes a thousand rows as an array for each column, in a third of the time
    that it needs to read a parameter for each value."""
    arrays = (bindparam(name, type_=postgresql.ARRAY(table.c[name].type)) for name in names)
    rows = select(*(func.unnest(array).label(name) for array, name in zip(arrays, names, strict=True)))
    return {
        "sqlite": build(sqlite.insert(table)),
        "postgresql": build(postgresql.insert(table).from_select(names, rows)),
    }


def _among(name: str) -> Any:  # noqa: ANN401 SQLAlchemy's own shorthand
    return bindparam(name, expanding=True)


class likely(GenericFunction[Any]):  # noqa: N801 SQLite's own name
    """A condition that most rows meet. SQLite takes a state for rare (10 rows) unless it is told so, and goes through
    all the jobs of a state where another index leads to the few that are wanted. PostgreSQL counts for itself."""

    type = NULLTYPE  # as a Boolean it would be compared with 1, and hide the condition from SQLite
    inherit_cache = True


@compiles(likely, "postgresql")
def _without_hint(condition: likely, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 the compiler's own
    return compiler.process(condition.clause_expr, **options)


def _of_sources(query: Select[Any]) -> Mapping[str, Select[Any]]:
    """Narrow a query to some sources, by dialect; PostgreSQL takes an array of them, for the reason told above."""
    array = bindparam("sources", type_=postgresql.ARRAY(String))
    return {
        "sqlite": query.where(photos.c.source.in_(_among("sources"))),
        "postgresql": query.where(photos.c.source == any_(array)),
    }


def _is(state: State) -> ColumnElement[bool]:
    return jobs.c.state == _literal(state)


def _is_one_of(states: Iterable[State], *, of: FromClause = jobs) -> ColumnElement[bool]:
    return likely(of.c.state.in_([_literal(state) for state in sorted(states)]))


def _literal(state: State) -> ColumnElement[str]:
    """A state as a part of the statement's text: SQLite must see it, and see it as its partial indexes spell it, to use
    one of them; what is bound it sees too late, or prepares the statement again."""
    return literal_column(f"'{state}'", String)


def _move(state: State) -> Update:
    return update(jobs).where(_is_one_of(o for o, targets in NEXT.items() if state in targets)).values(state=state)


INCOMPLETE_JOB = _is_one_of(INCOMPLETE)
WAITS = _is(State.QUEUED)
_running = _is(State.RUNNING)


def _settle(state: State) -> Update:
    """A move of the one who holds the lease; the attempt is the fence."""
    held = update(jobs).where(jobs.c.id == bindparam("held_id"), jobs.c.attempt == bindparam("held_attempt"), _running)
    return held.values(state=state, lease_until=None)


_now: Bound = bindparam("now")
_most: Bound = bindparam("most")
_shard: Bound = bindparam("of_shard")
_told: Mapping[str, Bound] = {"code": bindparam("told_code"), "reason": bindparam("told_reason")}
_untold = {"code": None, "reason": None}
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
SEQUENCES = _of_sources(select(photos.c.source, photos.c.sequence))
RUNNING_OF_SOURCES = _of_sources(select(jobs.c.id, photos.c.source, photos.c.version).join(photos).where(_running))
SUPERSEDE = (
    _move(State.CANCELLED).where(jobs.c.id.in_(_among("ids"))).values(finished_at=_now, lease_until=None, **_told)
)
CANCEL_OF_PHOTOS = (
    _move(State.CANCELLED)
    .where(jobs.c.photo_id.in_(_among("photo_ids")))
    .values(finished_at=_now, lease_until=None, **_told)
)
HASTEN = (
    update(jobs)
    .where(
        jobs.c.photo_id.in_(_among("photo_ids")),
        INCOMPLETE_JOB,  # says nothing more, but has an index of photos
        likely(WAITS),
        jobs.c.priority > bindparam("rank"),
    )
    .values(priority=bindparam("rank"), turn=None)
)

# --- out

BACKLOG = select(func.count()).select_from(select(jobs.c.id).where(WAITS).limit(_most).subquery())
LEASE = (
    _move(State.RUNNING)
    .where(jobs.c.id.in_(_among("ids")))
    .values(attempt=jobs.c.attempt + 1, lease_until=bindparam("until"), started_at=_now)
)
LEASED = (
    select(jobs, photos.c.source, photos.c.version, photos.c.size_bytes)
    .join(photos)
    .where(jobs.c.id.in_(_among("ids")))
)
_renewed = update(jobs).values(lease_until=bindparam("until"))
_held = select(
    func.unnest(bindparam("held_ids", type_=postgresql.ARRAY(String))).label("id"),
    func.unnest(bindparam("held_attempts", type_=postgresql.ARRAY(Integer))).label("attempt"),
).subquery()
# Of thousands of leases: SQLite takes one after the other, and PostgreSQL two arrays, in a quarter of the time.
RENEW = {
    "sqlite": _settle(State.RUNNING).values(lease_until=bindparam("until")),
    "postgresql": _renewed.where(jobs.c.id == _held.c.id, jobs.c.attempt == _held.c.attempt, _running),
}

# --- back

# Of many leases at one time: the fence of each is its pair. The ids alone are what SQLite finds its index by.
FINISH = (
    update(jobs)
    .where(
        jobs.c.id.in_(_among("held_ids")),
        tuple_(jobs.c.id, jobs.c.attempt).in_(_among("held")),
        _running,
    )
    .values(state=State.SUCCEEDED, lease_until=None, finished_at=_now, **_untold)
    .returning(jobs.c.id, jobs.c.attempt)
)
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
_busy = exists().where(_others.c.photo_id == jobs.c.photo_id, _is_one_of(INCOMPLETE, of=_others))
CANCEL = _move(State.CANCELLED).where(jobs.c.id.in_(_among("ids"))).values(finished_at=_now, lease_until=None, **_told)
RETRY = (
    update(jobs)
    .where(jobs.c.id.in_(_among("ids")), _is(State.FAILED), ~_busy)
    .values(state=State.QUEUED, due_at=_now, turn=None, finished_at=None, **_untold)
    .values(dict.fromkeys(("errors", "timeouts", "crashes", "losses"), 0))
)

# --- old

PRUNE = delete(jobs).where(
    jobs.c.id.in_(
        select(jobs.c.id)
        .where(jobs.c.finished_at < bindparam("before"), likely(jobs.c.state.in_(_among("states"))))
        .limit(_most)
    )
)
FORGET = delete(events).where(events.c.seen_at < bindparam("before"))

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
    told["deleted_at"] = new.deleted_at
    return insertion.on_conflict_do_update(index_elements=[photos.c.source], set_=told).returning(
        photos.c.id, photos.c.source, photos.c.folder_id
    )


RECORD = _by_dialect(
    _record, photos, "id", "source", "version", "folder_id", "file_name", "size_bytes", "created_at", "sequence",
    "deleted_at",
)  # fmt: skip
DESCRIBE = (
    update(photos)
    .where(photos.c.id == bindparam("of_photo"))
    .values({field.name: bindparam(f"seen_{field.name}") for field in fields(PictureFacts)})
)
INSERT_RENDITIONS = _by_dialect(
    lambda insertion: insertion,
    renditions, "photo_id", "name", "width", "height", "format", "size_bytes", "key", "url",
)  # fmt: skip
DROP_RENDITIONS = (
    delete(renditions)
    .where(renditions.c.photo_id.in_(_among("photo_ids")))
    .returning(renditions.c.key, renditions.c.photo_id)
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
