"""Attempts that did not end well: a row for each, written in the transaction that ends it.

The job's own row tells about the attempt that runs or has succeeded. So a photo that succeeds at once costs no row.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from raythumbs.db.dialect import for_each, insertion
from raythumbs.db.job_rows import cause
from raythumbs.db.rows import as_word
from raythumbs.db.schema import attempts
from raythumbs.model.attempt import KEPT_ATTEMPTS, Attempt, AttemptOutcome, with_last
from raythumbs.model.job import Job, State
from raythumbs.model.lease import Lease

_OF_JOB = attempts.c.job_id == bindparam("of_job")
NOTE = insertion(
    lambda insert: insert, attempts, "job_id", "number", "node", "began_at", "ended_at", "outcome", "code", "reason"
)
FORGET = delete(attempts).where(_OF_JOB, attempts.c.number <= bindparam("last"))
NOTED = select(attempts).where(_OF_JOB).order_by(attempts.c.number)


class Attempts:
    """The attempts of jobs, over one connection in a transaction. `now` is the database's time, in UTC seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def failed(self, lease: Lease, caused: Mapping[str, str], *, now: float) -> None:
        """Note that an attempt failed; `caused` is what `cause` returned for its error."""
        self._note([{"job_id": lease.job_id} | _ended(lease, AttemptOutcome.FAILED, caused, now=now)])

    def lost(self, leases: Sequence[Lease], caused: Mapping[str, str], *, now: float) -> None:
        """Note that these attempts ended through no fault of their photos."""
        self._note([{"job_id": lease.job_id} | _ended(lease, AttemptOutcome.LOST, caused, now=now) for lease in leases])

    def taken_back(self, rows: Sequence[Row[Any]], reason: str, *, now: float) -> None:
        """Note that the attempts of these jobs were lost, given by the jobs' rows."""
        caused: Mapping[str, str | None] = cause("", reason) | {"new_code": None}
        self._note([{"job_id": row.id} | _ended(row, AttemptOutcome.LOST, caused, now=now) for row in rows])

    def of(self, job: Job) -> tuple[Attempt, ...]:
        """Return the newest attempts of a job, the first one first."""
        rows = self._connection.execute(NOTED, {"of_job": job.id}) if _may_be_noted(job) else ()
        noted = [as_word(Attempt, row, outcome=AttemptOutcome(row.outcome)) for row in rows]
        return with_last(noted, job)

    def _note(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            for_each(self._connection, NOTE, rows)
        if old := [row for row in rows if row["number"] > KEPT_ATTEMPTS]:
            too_old = [{"of_job": row["job_id"], "last": row["number"] - KEPT_ATTEMPTS} for row in old]
            self._connection.execute(FORGET, too_old)


def _may_be_noted(job: Job) -> bool:
    """Return whether a job may have rows here. Most jobs succeed at their first attempt."""
    return job.attempt > 1 or (job.attempt == 1 and job.state not in {State.RUNNING, State.SUCCEEDED})


def _ended(
    begun: Lease | Row[Any], outcome: AttemptOutcome, caused: Mapping[str, str | None], *, now: float
) -> dict[str, Any]:
    """Return the columns of a row, apart from its key."""
    times = {"began_at": begun.started_at, "ended_at": now}
    why = {"outcome": outcome, "code": caused["new_code"], "reason": caused["new_reason"]}
    return {"number": begun.attempt, "node": begun.node} | times | why
