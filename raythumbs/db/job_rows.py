"""What statements about jobs share: conditions on a job's state, moves from state to state, and bound values."""

from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, FromClause, String, Update, bindparam, case, literal_column, update

from raythumbs.db.dialect import Bound, guard, likely
from raythumbs.db.schema import jobs
from raythumbs.errors import RaythumbsError
from raythumbs.model.job import INCOMPLETE, NEXT, State

DELETED = "deleted"  # the code of a job that was cancelled because its photo was deleted
_REASON_LETTERS = 1000

# --- bound values, which a caller binds by the names of the parameters

NOW: Bound = bindparam("now")  # the database's time
LIMIT: Bound = bindparam("most")
SHARD: Bound = bindparam("of_shard")
CAUSE: Mapping[str, Bound] = {"code": bindparam("new_code"), "reason": bindparam("new_reason")}


def cause(code: str, reason: str) -> dict[str, str]:
    """Return why a job moves, as `CAUSE` binds it. PostgreSQL refuses a NUL."""
    return {"new_code": code, "new_reason": reason[:_REASON_LETTERS].replace("\0", "")}


def cause_of(error: RaythumbsError) -> dict[str, str]:
    """Return an error's code and reason, as `CAUSE` binds them."""
    return cause(error.code, error.reason)


# --- values that moves set

NO_CAUSE = {"code": None, "reason": None}
FULL_BUDGETS = dict.fromkeys(("errors", "timeouts", "crashes", "losses"), 0)
DUE_BY_NOW = case((jobs.c.due_at > NOW, NOW), else_=jobs.c.due_at)

# --- conditions


def is_in(state: State) -> ColumnElement[bool]:
    """Return the condition that a job is in this state."""
    return jobs.c.state == _literal(state)


def is_in_one_of(states: Iterable[State], *, of: FromClause = jobs) -> ColumnElement[bool]:
    """Return the condition that a job is in one of these states."""
    return of.c.state.in_([_literal(state) for state in sorted(states)])


def _literal(state: State) -> ColumnElement[str]:
    """Return a state as part of the statement's text.

    SQLite uses a partial index only if it sees the state spelt as in the index. It sees a bound value too late, or
    prepares the statement again.
    """
    return literal_column(f"'{state}'", String)


INCOMPLETE_JOB = likely(is_in_one_of(INCOMPLETE))  # may find rows: there is an index of the incomplete jobs of photos
INCOMPLETE_ONLY = guard(is_in_one_of(INCOMPLETE))  # checks rows only
QUEUED = is_in(State.QUEUED)
RUNNING = is_in(State.RUNNING)

# --- moves


def _move(state: State) -> Update:
    allowed = is_in_one_of(before for before, targets in NEXT.items() if state in targets)
    return update(jobs).where(guard(allowed)).values(state=state)


START = _move(State.RUNNING)
CANCEL_WHERE = _move(State.CANCELLED).values(finished_at=NOW, lease_until=None, **CAUSE)
