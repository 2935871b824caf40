"""Failed jobs, grouped by their codes. Each code costs a few rows of an index, apart from the count."""

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy import literal_column as literal

from raythumbs.db.job_rows import is_in
from raythumbs.db.schema import jobs
from raythumbs.model.job import State
from raythumbs.model.selection import FailureGroup, Failures

_MOST_COUNTED = 100_000  # of each code: 0.02 s
_CODES = 100  # there are about sixty
NEXT_CODE = select(func.min(jobs.c.code)).where(jobs.c.code.is_not(None), jobs.c.code > bindparam("after"))
_of_code = jobs.c.code == bindparam("of_code"), jobs.c.code.is_not(None), is_in(State.FAILED)
COUNT = select(func.count()).select_from(
    select(literal("1")).select_from(jobs).where(*_of_code).limit(bindparam("most")).subquery()
)
NEWEST = select(jobs.c.reason, jobs.c.finished_at).where(*_of_code).order_by(jobs.c.id.desc()).limit(1)


def failures(connection: Connection, *, most: int = _MOST_COUNTED, codes: int = _CODES) -> Failures:
    """Return a group for each code of a failed job, with up to `most` jobs counted in each."""
    groups: list[FailureGroup] = []
    after, left = "", codes
    while left and (code := connection.scalar(NEXT_CODE, {"after": after})) is not None:
        newest = connection.execute(NEWEST, {"of_code": code}).one_or_none()
        if newest:
            counted = connection.execute(COUNT, {"of_code": code, "most": most}).scalar_one()
            groups.append(FailureGroup(code=code, count=counted, reason=newest.reason, newest_at=newest.finished_at))
        after, left = code, left - 1
    is_cut = not left and connection.scalar(NEXT_CODE, {"after": after}) is not None
    return Failures(groups=tuple(groups), more=is_cut or any(group.count >= most for group in groups))
