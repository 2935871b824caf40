"""Jobs as rows, from their lease to their end.

Each move is one guarded statement: where no row changes, the move was not allowed.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Row, Update

from raythumbs.db import statements as sql
from raythumbs.db.line import Line
from raythumbs.db.photos import Photos
from raythumbs.errors import IllegalMove, RaythumbsError, StaleLease, UnknownJob
from raythumbs.model.job import Job, Priority, State
from raythumbs.model.lease import Lease, Succeeded

DELETED = "deleted"  # why a job was cancelled
_ALL = tuple(Priority)
_REASON_LETTERS = 1000


class Jobs:
    """The jobs, over one connection in a transaction. `now` is always the database's time, in UTC seconds.

    Leased, and rescued, are those of a shard; the other verbs have no shards.
    """

    def __init__(self, connection: Connection, shard: int = 0) -> None:
        self._connection = connection
        self._shard = shard

    # --- out

    def lease_next(
        self, sizes: Sequence[int], *, now: float, lease_seconds: float, priorities: Sequence[Priority] = _ALL
    ) -> list[list[Lease]]:
        """Lease the jobs that are due, one of these priorities after another, as batches of up to these sizes.

        A job whose batch was lost before is a batch of its own, so that the next loss tells who is to blame.
        """
        batches = _batches(self._due(sum(sizes), priorities, now=now), sizes)
        leases = self._lease([row for batch in batches for row in batch], now=now, lease_seconds=lease_seconds)
        return [[leases[row.id] for row in batch] for batch in batches]

    def lease_more(
        self, limit: int, *, now: float, lease_seconds: float, priorities: Sequence[Priority] = _ALL
    ) -> list[Lease]:
        """Lease up to `limit` jobs that are due to join a batch that runs: those before the first that must be alone in
        its batch."""
        joining = _harmless(self._due(limit, priorities, now=now))
        leases = self._lease(joining, now=now, lease_seconds=lease_seconds)
        return [leases[row.id] for row in joining]

    def _due(self, limit: int, priorities: Sequence[Priority], *, now: float) -> list[Row[Any]]:
        line = Line(self._connection, self._shard)
        line.take_back(now=now)
        due: list[Row[Any]] = []
        for priority in priorities:
            if len(due) < limit:
                due += line.first(limit - len(due), of=priority)
        return due

    def _lease(self, due: Sequence[Row[Any]], *, now: float, lease_seconds: float) -> dict[str, Lease]:
        if not due:
            return {}
        ids = [row.id for row in due]
        dialect = self._connection.dialect.name
        self._connection.execute(sql.LEASE[dialect], {"ids": ids, "now": now, "until": now + lease_seconds})
        return {row.id: _lease(row) for row in self._connection.execute(sql.LEASED[dialect], {"ids": ids})}

    def waiting(self, *, now: float, limit: int) -> int:
        """Count the jobs that are due, up to `limit`: what it costs does not grow with the backlog."""
        return Line(self._connection, self._shard).waiting(now=now, limit=limit)

    def longest_waiting(self, *, now: float) -> Priority | None:
        """Return the priority whose line has kept somebody waiting the longest, if anybody waits; see
        `Line.due_since`."""
        line = Line(self._connection, self._shard)
        line.take_back(now=now)
        since = line.due_since()
        return min(since, key=lambda priority: since[priority], default=None)

    def backlog(self, *, limit: int) -> int:
        """Count the jobs that wait, due or not, up to `limit`."""
        return self._connection.execute(sql.BACKLOG, {"most": limit}).scalar_one()

    def renew(self, leases: Sequence[Lease], *, now: float, lease_seconds: float) -> None:
        """Prolong the leases that still hold; one that does not will learn so when it reports."""
        if not leases:
            return
        until = now + lease_seconds
        if self._connection.dialect.name == "sqlite":
            self._connection.execute(sql.RENEW["sqlite"], [{**_fence(lease), "until": until} for lease in leases])
        else:
            self._connection.execute(sql.RENEW["postgresql"], _fences(leases) | {"until": until})

    # --- back

    def finish(self, done: Sequence[tuple[Lease, Succeeded]], *, now: float) -> list[Lease]:
        """These jobs have succeeded: their photos' facts, their renditions' addresses and their states change as one.

        Returns the leases that no longer hold; of those, nothing changes.
        """
        fences = _fences([lease for lease, _ in done])
        if (dialect := self._connection.dialect.name) == "sqlite":
            fences["held"] = list(zip(fences["held_ids"], fences.pop("held_attempts"), strict=True))
        finishing = self._connection.execute(sql.FINISH[dialect], fences | {"now": now})
        held = {(row.id, row.attempt) for row in finishing}
        finished = {lease.photo_id: succeeded for lease, succeeded in done if (lease.job_id, lease.attempt) in held}
        Photos(self._connection).describe(finished, now=now)
        return [lease for lease, _ in done if (lease.job_id, lease.attempt) not in held]

    def release(self, lease: Lease, error: RaythumbsError, *, due_at: float, counts: Sequence[str]) -> None:
        """Let it be tried again from `due_at`; `counts` names which of these go up by one: `errors`, `timeouts`,
        `crashes`, `losses`."""
        counted = {f"more_{name}": int(name in counts) for name in ("errors", "timeouts", "crashes", "losses")}
        self._settle(sql.RELEASE, lease, due=due_at, **_told(error), **counted)

    def fail(self, lease: Lease, error: RaythumbsError, *, now: float) -> None:
        """The job has failed for good."""
        self._settle(sql.FAIL, lease, now=now, **_told(error))

    def miss(self, lease: Lease, error: RaythumbsError, *, now: float) -> None:
        """The photo is not there, and so are its renditions no longer to be.

        The job is cancelled where an event had told of the photo: it was deleted since. Else it has failed.
        """
        if lease.version is None:
            self.fail(lease, error, now=now)
        else:
            self._settle(sql.DROP, lease, now=now, told_code=DELETED, told_reason=error.reason[:_REASON_LETTERS])
        Photos(self._connection).mark_deleted(lease.photo_id, now=now)

    def _settle(self, move: Update, lease: Lease, **values: object) -> None:
        if self._connection.execute(move, _fence(lease) | values).rowcount != 1:
            raise StaleLease(f"attempt {lease.attempt} no longer holds job {lease.job_id}")

    # --- by a person

    def cancel(self, job_id: str, *, now: float) -> Job:
        """End a job that is not finished. Cancelling twice is the same as once."""
        told = {"told_code": "cancelled", "told_reason": "a person cancelled it"}
        return self._by_hand(sql.CANCEL, job_id, State.CANCELLED, {"now": now, **told})

    def retry(self, job_id: str, *, now: float) -> Job:
        """Queue a failed job again, with all its budgets; what is queued already stays so."""
        return self._by_hand(sql.RETRY, job_id, State.QUEUED, {"now": now})

    def _by_hand(self, move: Update, job_id: str, state: State, values: dict[str, object]) -> Job:
        moved = self._connection.execute(move, {"ids": [job_id]} | values).rowcount
        job = self.get(job_id)
        if not moved and job.state is State.FAILED and state is State.QUEUED:
            raise IllegalMove(f"job {job_id} cannot be {state}: another job of its photo is not finished")
        if not moved and job.state is not state:
            raise IllegalMove(f"job {job_id} is {job.state}; it cannot be {state}")
        return job

    # --- lost, and old

    def rescue(self, *, now: float) -> list[str]:
        """Queue again the jobs whose lease ran out; return their ids. They are leased alone from now on."""
        return list(self._connection.scalars(sql.RESCUE, {"of_shard": self._shard, "now": now}))

    def readopt(self, *, now: float) -> list[str]:
        """Queue again all that runs, at no cost: for a queue that has just started, when nothing can be running."""
        return list(self._connection.scalars(sql.READOPT, {"of_shard": self._shard, "now": now}))

    def prune(self, states: Sequence[State], *, before: float, limit: int) -> int:
        """Forget up to `limit` jobs that ended in one of the states before then; their photos stay."""
        return self._connection.execute(sql.PRUNE, {"states": states, "before": before, "most": limit}).rowcount

    def forget_events(self, *, before: float, limit: int) -> int:
        """Forget up to `limit` ids of events that were seen before then."""
        return self._connection.execute(sql.FORGET, {"before": before, "most": limit}).rowcount

    # --- to look at

    def get(self, job_id: str) -> Job:
        """Return the job, or raise UnknownJob."""
        row = self._connection.execute(sql.JOB, {"id": job_id}).one_or_none()
        if row is None:
            raise UnknownJob(f"there is no job {job_id!r}")
        return as_job(row)

    def list(self, *, state: State | None, after: str | None, limit: int) -> list[Job]:
        """Return up to `limit` jobs, the newest first, from below the id `after` on."""
        return [as_job(row) for row in self._connection.execute(sql.page(state, after, limit))]


def _batches(due: Sequence[Row[Any]], sizes: Sequence[int]) -> list[Sequence[Row[Any]]]:
    """Divide what is due into batches; a job with losses is alone in its own, whatever its size."""
    batches: list[Sequence[Row[Any]]] = []
    start = 0
    for size in sizes:
        if start < len(due):
            batch = _harmless(due[start : start + size]) or due[start : start + 1]
            batches.append(batch)
            start += len(batch)
    return batches


def _harmless(due: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Return what comes before the first job with losses."""
    return list(takewhile(lambda row: not row.losses, due))


def _fence(lease: Lease) -> dict[str, object]:
    return {"held_id": lease.job_id, "held_attempt": lease.attempt}


def _fences(leases: Sequence[Lease]) -> dict[str, Any]:
    return {"held_ids": [lease.job_id for lease in leases], "held_attempts": [lease.attempt for lease in leases]}


def _told(error: RaythumbsError) -> dict[str, str]:
    return {"told_code": error.code, "told_reason": error.reason[:_REASON_LETTERS].replace("\0", "")}


def as_job(row: Row[Any]) -> Job:
    """Return the job that a row of `statements.JOB` tells of."""
    return Job(
        id=row.id,
        photo_id=row.photo_id,
        source=row.source,
        state=State(row.state),
        priority=Priority.ranked(row.priority),
        folder_id=row.folder_id,
        attempt=row.attempt,
        errors=row.errors,
        timeouts=row.timeouts,
        crashes=row.crashes,
        losses=row.losses,
        code=row.code,
        reason=row.reason,
        created_at=row.created_at,
        due_at=row.due_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _lease(row: Row[Any]) -> Lease:
    return Lease(
        job_id=row.id,
        photo_id=row.photo_id,
        attempt=row.attempt,
        priority=Priority.ranked(row.priority),
        source=row.source,
        version=row.version,
        size_bytes=row.size_bytes,
        errors=row.errors,
        timeouts=row.timeouts,
        crashes=row.crashes,
        losses=row.losses,
        until=row.lease_until,
    )
