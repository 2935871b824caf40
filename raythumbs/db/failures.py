"""Failed jobs and jobs that wait for another try, by their codes. A code costs a few rows of an index and the count."""

from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select
from sqlalchemy import literal_column as literal

from raythumbs.db.job_rows import is_in
from raythumbs.db.schema import jobs
from raythumbs.model.job import State
from raythumbs.model.selection import FailureGroup, Failures, RetryGroup

_MOST_COUNTED = 100_000  # of each code: 0.02 s
_CODES = 100  # there are about sixty
NEXT_CODE = select(func.min(jobs.c.code)).where(jobs.c.code.is_not(None), jobs.c.code > bindparam("after"))
_of_code = jobs.c.code == bindparam("of_code"), jobs.c.code.is_not(None)
COUNT = {
    state: select(func.count()).select_from(
        select(literal("1")).select_from(jobs).where(*_of_code, is_in(state)).limit(bindparam("most")).subquery()
    )
    for state in (State.FAILED, State.QUEUED)
}
NEWEST = {
    state: select(jobs.c.reason, jobs.c.finished_at).where(*_of_code, is_in(state)).order_by(jobs.c.id.desc()).limit(1)
    for state in COUNT
}


def failures(connection: Connection, *, most: int = _MOST_COUNTED, codes: int = _CODES) -> Failures:
    """Return a group for each code of a failed or retried job, with up to `most` jobs counted in each."""
    groups: list[FailureGroup] = []
    retries: list[RetryGroup] = []
    after, left = "", codes
    while left and (code := connection.scalar(NEXT_CODE, {"after": after})) is not None:
        if newest := _newest(connection, State.FAILED, code):
            count = _count(connection, State.FAILED, code, most)
            groups.append(FailureGroup(code=code, count=count, reason=newest.reason, newest_at=newest.finished_at))
        if newest := _newest(connection, State.QUEUED, code):
            count = _count(connection, State.QUEUED, code, most)
            retries.append(RetryGroup(code=code, count=count, reason=newest.reason))
        after, left = code, left - 1
    is_cut = not left and connection.scalar(NEXT_CODE, {"after": after}) is not None
    is_cut |= any(count >= most for count in (*(one.count for one in groups), *(one.count for one in retries)))
    return Failures(groups=tuple(groups), retries=tuple(retries), more=is_cut)


def _newest(connection: Connection, state: State, code: str) -> Row[Any, Any] | None:
    return connection.execute(NEWEST[state], {"of_code": code}).one_or_none()


def _count(connection: Connection, state: State, code: str, most: int) -> int:
    return connection.execute(COUNT[state], {"of_code": code, "most": most}).scalar_one()
