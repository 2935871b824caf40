"""Reads, cancels, retries and prunes jobs. What an attempt does to its job is in `leases.py`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, bindparam, delete, exists, func, select, update

from raythumbs.db.attempts import Attempts
from raythumbs.db.dialect import among, guard, likely
from raythumbs.db.folders import Folders
from raythumbs.db.job_rows import (
    CANCEL_WHERE,
    FULL_BUDGETS,
    LIMIT,
    NO_CAUSE,
    NOW,
    QUEUED,
    cause,
    is_in,
    is_in_one_of,
)
from raythumbs.db.outbox import Outbox
from raythumbs.db.photos import Photos
from raythumbs.db.rows import as_word
from raythumbs.db.schema import jobs, photos
from raythumbs.db.selected import conditions, of_each, states_of
from raythumbs.errors import IllegalMove, UnknownJob
from raythumbs.model.attempt import JobHistory
from raythumbs.model.job import INCOMPLETE, Job, Priority, State
from raythumbs.model.selection import Selection

BY_HAND = "a person cancelled it"
# A job's folder and name are read from its photo: the job's own folder is a shortened form for the fair order.
JOBS: Select[Any] = select(
    *(column for column in jobs.c if column.name != "folder_id"),
    photos.c.source,
    photos.c.folder_id,
    photos.c.file_name,
).join(photos)
JOB = JOBS.where(jobs.c.id == bindparam("id"))
BACKLOG = select(func.count()).select_from(select(jobs.c.id).where(QUEUED).limit(LIMIT).subquery())
CANCEL = CANCEL_WHERE.where(jobs.c.id.in_(among("ids")))
_others = jobs.alias()
is_busy = exists().where(_others.c.photo_id == jobs.c.photo_id, likely(is_in_one_of(INCOMPLETE, of=_others)))
RETRY_FAILED = (
    update(jobs)
    .where(guard(is_in(State.FAILED)), ~is_busy)
    .values(state=State.QUEUED, due_at=NOW, turn=None, finished_at=None, kept_version=None, **FULL_BUDGETS, **NO_CAUSE)
)
RETRY = RETRY_FAILED.where(jobs.c.id.in_(among("ids")))
PRUNE = delete(jobs).where(
    jobs.c.id.in_(
        select(jobs.c.id)
        .where(jobs.c.finished_at < bindparam("before"), likely(jobs.c.state.in_(among("states"))))
        .limit(LIMIT)
    )
)


class Jobs:
    """The jobs of all shards, over one connection in a transaction. `now` is the database's time, in UTC seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- reading

    def get(self, job_id: str) -> Job:
        """Return the job, or raise UnknownJob."""
        row = self._connection.execute(JOB, {"id": job_id}).one_or_none()
        if row is None:
            raise UnknownJob(f"there is no job {job_id!r}")
        return as_job(row)

    def history(self, job_id: str) -> JobHistory:
        """Return the job with its newest attempts, or raise UnknownJob."""
        job = self.get(job_id)
        return JobHistory(job, Attempts(self._connection).of(job))

    def list(self, selection: Selection, *, after: str | None, limit: int) -> list[Job]:
        """Return up to `limit` jobs, the newest first; with `after`, those whose id is below it."""
        return [as_job(row) for row in self._connection.execute(_page(selection, after, limit))]

    def backlog(self, *, limit: int) -> int:
        """Count the queued jobs, due or not, up to `limit`."""
        return self._connection.execute(BACKLOG, {"most": limit}).scalar_one()

    # --- moves by a person

    def cancel(self, job_id: str, *, now: float) -> Job:
        """End a job that is not finished. Cancelling twice has the same effect as once."""
        values = {"now": now, **cause("cancelled", BY_HAND)}
        job, moved = self._move_by_hand(CANCEL, job_id, State.CANCELLED, values)
        if moved:
            Folders(self._connection).note_end_of_job(job_id, State.CANCELLED, now=now)
            Outbox(self._connection).ended([job_id], now=now)
        return job

    def retry(self, job_id: str, *, now: float) -> Job:
        """Queue a failed job again, with all its budgets. A job that is queued already stays so."""
        job, moved = self._move_by_hand(RETRY, job_id, State.QUEUED, {"now": now})
        if moved:
            Folders(self._connection).note_retry(job.photo_id)
        return job

    def _move_by_hand(self, move: Update, job_id: str, state: State, values: dict[str, object]) -> tuple[Job, bool]:
        """Return the job, and whether this moved it."""
        Photos(self._connection).lock_of_jobs([job_id])
        moved = self._connection.execute(move, {"ids": [job_id]} | values).rowcount
        job = self.get(job_id)
        if not moved and job.state is State.FAILED and state is State.QUEUED:
            raise IllegalMove(f"job {job_id} cannot be {state}: another job of its photo is not finished")
        if not moved and job.state is not state:
            raise IllegalMove(f"job {job_id} is {job.state}; it cannot be {state}")
        return job, bool(moved)

    # --- pruning

    def prune(self, states: Sequence[State], *, before: float, limit: int) -> int:
        """Delete up to `limit` jobs that ended in one of the states before then, and count them. Photos stay."""
        return self._connection.execute(PRUNE, {"states": states, "before": before, "most": limit}).rowcount


def _page(selection: Selection, after: str | None, limit: int) -> Select[Any]:
    page = JOBS.order_by(jobs.c.id.desc()).limit(limit)
    if selection == Selection():  # the primary key has the order
        return page.where(jobs.c.id < after) if after else page
    query = select(jobs.c.id).where(*conditions(selection))
    query = query.where(jobs.c.id < after) if after else query
    return page.where(jobs.c.id.in_(of_each(states_of(selection, list(State)), query, newest_first=True, limit=limit)))


def as_job(row: Row[Any]) -> Job:
    """Return the job of a row of `JOBS`."""
    return as_word(Job, row, state=State(row.state), priority=Priority.ranked(row.priority))
