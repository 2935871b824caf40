"""Jobs as rows. Each move is one guarded statement: where no row changes, the move was not allowed."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Row, Update

from raythumbs.db import statements as sql
from raythumbs.db.photos import Photos
from raythumbs.errors import IllegalMove, RaythumbsError, StaleLease, UnknownJob
from raythumbs.model.job import Job, JobRequest, Priority, State
from raythumbs.model.lease import Lease, Succeeded

_ROWS_A_STATEMENT = 1000  # bounds the variables of one statement (SQLite, "Maximum number of host parameters")
_REASON_LETTERS = 1000


class Jobs:
    """The jobs, over one connection in a transaction. `now` is always the database's time, in UTC seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    # --- in

    def enqueue(self, requests: Sequence[JobRequest], *, now: float) -> list[Job]:
        """Make a job of each request that is new, and return the jobs of all but repeated events, in their order.

        A photo has at most one incomplete job: asking again finds it, and hastens it if the new priority is higher.
        A job that already runs on an older version of its photo is cancelled as `superseded`, and a new one takes its
        place.
        """
        fresh = [request for part in _parts(requests) for request in self._unseen(part, now=now)]
        return [job for part in _parts(fresh) for job in self._enqueue(part, now=now)]

    def _unseen(self, requests: Sequence[JobRequest], *, now: float) -> list[JobRequest]:
        ids = {request.event_id for request in requests if request.event_id}
        if not ids:
            return list(requests)
        rows = [{"id": event_id, "seen_at": now} for event_id in sorted(ids)]
        new = set(self._connection.scalars(sql.REMEMBER[self._dialect], rows))
        return [request for request in requests if request.event_id is None or request.event_id in new]

    def _enqueue(self, requests: Sequence[JobRequest], *, now: float) -> list[Job]:
        by_source = {request.source: request for request in requests}  # the last word on each photo counts
        self._supersede(by_source.values(), now=now)
        photo_ids = Photos(self._connection).record(by_source.values(), now=now)
        rows = [
            {"id": r.job_id, "photo_id": photo_ids[r.source], "state": State.QUEUED, "priority": r.priority.rank,
             "created_at": now, "due_at": now}
            for r in by_source.values()
        ]  # fmt: skip
        inserted = set(self._connection.scalars(sql.ENQUEUE[self._dialect], rows))
        self._hasten([r for r in by_source.values() if photo_ids[r.source] not in inserted], photo_ids)
        found = self._connection.execute(sql.INCOMPLETE_OF_PHOTOS, {"photo_ids": list(photo_ids.values())})
        of_photo = {row.photo_id: _job(row) for row in found}
        for source, request in by_source.items():
            if photo_ids[source] not in of_photo:  # asked for twice, and ended in between
                of_photo[photo_ids[source]] = self.get(request.job_id)
        return [of_photo[photo_ids[source]] for source in dict.fromkeys(r.source for r in requests)]

    def _supersede(self, requests: Iterable[JobRequest], *, now: float) -> None:
        versions = {request.source: request.version for request in requests if request.version}
        if not versions:
            return
        running = self._connection.execute(sql.RUNNING_OF_SOURCES, {"sources": list(versions)})
        old = [row.id for row in running if row.version is not None and row.version != versions[row.source]]
        if old:
            self._connection.execute(
                sql.SUPERSEDE,
                {"ids": old, "now": now, "told_code": "superseded", "told_reason": "a newer version arrived"},
            )

    def _hasten(self, requests: Iterable[JobRequest], photo_ids: dict[str, str]) -> None:
        for priority in Priority:
            ids = [photo_ids[r.source] for r in requests if r.priority is priority]
            if ids:
                self._connection.execute(sql.HASTEN, {"photo_ids": ids, "rank": priority.rank})

    # --- out

    def lease_next(self, limit: int, *, now: float, lease_seconds: float) -> list[Lease]:
        """Lease the next `limit` jobs that are due, by priority and then by age.

        A job whose batch was lost before is leased alone, so that the next loss tells who is to blame.
        """
        chosen: list[str] = []
        for priority in Priority:  # each an exact range of the backlog's index
            if len(chosen) < limit:
                asked = {"rank": priority.rank, "now": now, "most": limit - len(chosen)}
                due = self._connection.execute(sql.DUE, asked).all()
                if not chosen and due and due[0].losses:
                    chosen = [due[0].id]
                    break
                harmless = list(takewhile(lambda row: not row.losses, due))
                chosen += [row.id for row in harmless]
                if len(harmless) < len(due):
                    break  # its turn, alone, is before that of lower priorities
        if not chosen:
            return []
        self._connection.execute(sql.LEASE, {"ids": chosen, "now": now, "until": now + lease_seconds})
        leases = {row.id: _lease(row) for row in self._connection.execute(sql.LEASED, {"ids": chosen})}
        return [leases[job_id] for job_id in chosen]

    def waiting(self, *, now: float, limit: int) -> int:
        """Count the jobs that are due, up to `limit`: what it costs does not grow with the backlog."""
        return self._connection.execute(sql.WAITING, {"now": now, "most": limit}).scalar_one()

    def renew(self, leases: Sequence[Lease], *, now: float, lease_seconds: float) -> None:
        """Prolong the leases that still hold; one that does not will learn so when it reports."""
        if leases:
            until = now + lease_seconds
            self._connection.execute(sql.RENEW, [{**_fence(lease), "until": until} for lease in leases])

    # --- back

    def finish(self, lease: Lease, succeeded: Succeeded, *, now: float) -> None:
        """The job has succeeded: its photo's facts, its renditions' addresses and its state change as one."""
        self._settle(sql.FINISH, lease, now=now)
        Photos(self._connection).describe(lease.photo_id, succeeded)

    def release(self, lease: Lease, error: RaythumbsError, *, due_at: float, counts: Sequence[str]) -> None:
        """Let it be tried again from `due_at`; `counts` names which of `errors`, `crashes`, `losses` go up by one."""
        counted = {f"more_{name}": int(name in counts) for name in ("errors", "crashes", "losses")}
        self._settle(sql.RELEASE, lease, due=due_at, **_told(error), **counted)

    def fail(self, lease: Lease, error: RaythumbsError, *, now: float) -> None:
        """The job has failed for good."""
        self._settle(sql.FAIL, lease, now=now, **_told(error))

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
        return list(self._connection.scalars(sql.RESCUE, {"now": now}))

    def readopt(self, *, now: float) -> list[str]:
        """Queue again all that runs, at no cost: for a queue that has just started, when nothing can be running."""
        return list(self._connection.scalars(sql.READOPT, {"now": now}))

    def prune(self, states: Sequence[State], *, before: float, limit: int = _ROWS_A_STATEMENT) -> int:
        """Forget up to `limit` jobs that ended in one of the states before then; their photos stay."""
        return self._connection.execute(sql.PRUNE, {"states": states, "before": before, "most": limit}).rowcount

    def forget_events(self, *, before: float) -> int:
        """Forget the ids of events that were seen before then."""
        return self._connection.execute(sql.FORGET, {"before": before}).rowcount

    # --- to look at

    def get(self, job_id: str) -> Job:
        """Return the job, or raise UnknownJob."""
        row = self._connection.execute(sql.JOB, {"id": job_id}).one_or_none()
        if row is None:
            raise UnknownJob(f"there is no job {job_id!r}")
        return _job(row)

    def list(self, *, state: State | None, after: str | None, limit: int) -> list[Job]:
        """Return up to `limit` jobs, the newest first, from below the id `after` on."""
        return [_job(row) for row in self._connection.execute(sql.page(state, after, limit))]


def _fence(lease: Lease) -> dict[str, object]:
    return {"held_id": lease.job_id, "held_attempt": lease.attempt}


def _told(error: RaythumbsError) -> dict[str, str]:
    return {"told_code": error.code, "told_reason": error.reason[:_REASON_LETTERS].replace("\0", "")}


def _parts(requests: Sequence[JobRequest]) -> Iterator[Sequence[JobRequest]]:
    return (requests[start : start + _ROWS_A_STATEMENT] for start in range(0, len(requests), _ROWS_A_STATEMENT))


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        photo_id=row.photo_id,
        source=row.source,
        state=State(row.state),
        priority=Priority.ranked(row.priority),
        folder_id=row.folder_id,
        attempt=row.attempt,
        errors=row.errors,
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
        source=row.source,
        version=row.version,
        size_bytes=row.size_bytes,
        errors=row.errors,
        crashes=row.crashes,
        losses=row.losses,
        until=row.lease_until,
    )
