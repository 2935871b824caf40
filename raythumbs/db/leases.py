"""Leases: an attempt's right to a job, from `lease_next` until it is finished, released, failed or rescued.

Each move is one guarded statement. If it changes no row, the move was not allowed.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Executable, Row, Update, bindparam, select, tuple_, update

from raythumbs.db.attempts import Attempts
from raythumbs.db.dialect import Bound, ByDialect, among, guard, is_sqlite, rows_of_arrays, where_among
from raythumbs.db.fair_order import FairOrder
from raythumbs.db.folders import Folders
from raythumbs.db.job_rows import CAUSE, DELETED, NO_CAUSE, NOW, RUNNING, SHARD, START, cause, cause_of
from raythumbs.db.lease_batches import batches_of, before_losses
from raythumbs.db.outbox import Outbox
from raythumbs.db.photos import Photos
from raythumbs.db.rows import as_word
from raythumbs.db.schema import jobs, photos
from raythumbs.errors import RaythumbsError, StaleLease
from raythumbs.model.job import Priority, State
from raythumbs.model.lease import Lease, Succeeded
from raythumbs.model.photo import Rendition

_ALL = tuple(Priority)
_BUDGETS = ("errors", "timeouts", "crashes", "losses")
_RAN_OUT = "its lease ran out"
_LEFT = "the queue stopped before it ended"

_held = jobs.c.id == bindparam("held_id"), jobs.c.attempt == bindparam("held_attempt"), guard(RUNNING)


def _held_move(state: State) -> Update:
    """Return a move of the job of one lease that still holds. The attempt number is the fence."""
    return update(jobs).where(*_held).values(state=state, lease_until=None)


_node: Bound = bindparam("on_node")
_leased_rows = rows_of_arrays({"leased_ids": jobs.c.id, "on_nodes": jobs.c.node}).subquery()
_start = START.values(attempt=jobs.c.attempt + 1, lease_until=bindparam("until"), started_at=NOW)
# The jobs of all nodes at once: hundreds of nodes would else be hundreds of statements.
LEASE = ByDialect(
    sqlite=_start.values(node=_node).where(jobs.c.id == bindparam("leased_id")),
    postgresql=_start.values(node=_leased_rows.c.on_nodes).where(jobs.c.id == _leased_rows.c.leased_ids),
)
READ_LEASES = where_among(
    select(jobs, photos.c.source, photos.c.version, photos.c.size_bytes).join(photos), jobs.c.id, "ids"
)
MOVE = update(jobs).where(*_held).values(node=_node)

_held_rows = rows_of_arrays({"held_ids": jobs.c.id, "held_attempts": jobs.c.attempt}).subquery()
_is_held = jobs.c.id == _held_rows.c.held_ids, jobs.c.attempt == _held_rows.c.held_attempts, guard(RUNNING)
# For thousands of leases: SQLite takes one after the other. PostgreSQL takes two arrays, in a quarter of the time.
RENEW = ByDialect(
    sqlite=_held_move(State.RUNNING).values(lease_until=bindparam("until")),
    postgresql=update(jobs).values(lease_until=bindparam("until")).where(*_is_held),
)

_finish = (
    update(jobs)
    .values(state=State.SUCCEEDED, lease_until=None, finished_at=NOW, **NO_CAUSE)
    .returning(jobs.c.id, jobs.c.attempt, jobs.c.folder_id)
)
# For many leases at once; the fence of each is its pair of id and attempt. SQLite needs the ids alone as well, to use
# its index. PostgreSQL would compare each row with each pair, so it joins arrays.
FINISH = ByDialect(
    sqlite=_finish.where(
        jobs.c.id.in_(among("held_ids")), tuple_(jobs.c.id, jobs.c.attempt).in_(among("held")), RUNNING
    ),
    postgresql=_finish.where(*_is_held),
)
RELEASE = _held_move(State.QUEUED).values(
    due_at=bindparam("due"),
    turn=None,
    **{name: jobs.c[name] + bindparam(f"more_{name}") for name in _BUDGETS},
    **CAUSE,
)
_ENDS = {state: _held_move(state).values(finished_at=NOW, **CAUSE) for state in (State.FAILED, State.CANCELLED)}

_attempt = jobs.c.id, jobs.c.attempt, jobs.c.node, jobs.c.started_at
RESCUE = (
    update(jobs)
    .where(jobs.c.lease_until < NOW, RUNNING, jobs.c.shard == SHARD)
    .values(state=State.QUEUED, due_at=NOW, turn=None, lease_until=None, losses=jobs.c.losses + 1)
    .returning(*_attempt)
)
READOPT = (
    update(jobs)
    .where(RUNNING, jobs.c.shard == SHARD)
    .values(state=State.QUEUED, due_at=NOW, turn=None, lease_until=None)
    .returning(*_attempt)
)


class Leases:
    """The leases of one shard, over one connection in a transaction. `now` is the database's time, in UTC seconds.

    `shard` limits what is leased, counted, rescued and readopted. The moves of a held lease work on any shard.
    """

    def __init__(self, connection: Connection, shard: int = 0) -> None:
        self._connection = connection
        self._shard = shard
        self._order = FairOrder(connection, shard)
        self._outbox = Outbox(connection)
        self._attempts = Attempts(connection)

    # --- due jobs

    def lease_next(
        self,
        sizes: Sequence[int],
        *,
        now: float,
        lease_seconds: float,
        priorities: Sequence[Priority] = _ALL,
        nodes: Sequence[str] = (),
    ) -> list[list[Lease]]:
        """Lease the jobs that are due, one of these priorities after another, as batches of up to these sizes.

        A job whose batch was lost before gets a batch of its own, so that the next loss shows which job is to blame.
        `nodes` has the node of each batch, for the record.
        """
        batches = batches_of(self._due(sum(sizes), priorities, now=now), sizes)
        on_nodes = [node for node, batch in zip(nodes, batches, strict=False) for _ in batch]
        due = [row for batch in batches for row in batch]
        leases = self._lease(due, now=now, lease_seconds=lease_seconds, nodes=on_nodes)
        return [[leases[row.id] for row in batch] for batch in batches]

    def lease_more(
        self,
        limit: int,
        *,
        now: float,
        lease_seconds: float,
        priorities: Sequence[Priority] = _ALL,
        nodes: Sequence[str] = (),
    ) -> list[Lease]:
        """Lease up to `limit` jobs that are due, to join batches that run.

        It stops before the first job that needs a batch of its own. `nodes` has the node of each lease, for the record.
        """
        joining = before_losses(self._due(limit, priorities, now=now))
        leases = self._lease(joining, now=now, lease_seconds=lease_seconds, nodes=nodes)
        return [leases[row.id] for row in joining]

    def _due(self, limit: int, priorities: Sequence[Priority], *, now: float) -> list[Row[Any]]:
        self._order.admit_returned(now=now)
        due: list[Row[Any]] = []
        for priority in priorities:
            if len(due) < limit:
                due += self._order.first(limit - len(due), of=priority)
        return due

    def _lease(
        self, due: Sequence[Row[Any]], *, now: float, lease_seconds: float, nodes: Sequence[str]
    ) -> dict[str, Lease]:
        if not due:
            return {}
        ids = [row.id for row in due]
        self._start(list(zip_longest(ids, nodes[: len(ids)])), now=now, until=now + lease_seconds)
        rows = self._connection.execute(READ_LEASES.of(self._connection), {"ids": ids}).all()
        kept = Photos(self._connection).renditions_of([row.photo_id for row in rows if row.kept_version is not None])
        return {row.id: _as_lease(row, kept.get(row.photo_id, ())) for row in rows}

    def _start(self, on_nodes: Sequence[tuple[str, str | None]], *, now: float, until: float) -> None:
        times = {"now": now, "until": until}
        if is_sqlite(self._connection):
            rows = [{"leased_id": id_, "on_node": node, **times} for id_, node in on_nodes]
            self._connection.execute(LEASE.sqlite, rows)
        else:
            ids, nodes = map(list, zip(*on_nodes, strict=True))
            self._connection.execute(LEASE.postgresql, {"leased_ids": ids, "on_nodes": nodes, **times})

    def waiting(self, *, now: float, limit: int) -> int:
        """Count the jobs that are due, up to `limit`. The cost does not grow with the backlog."""
        return self._order.waiting(now=now, limit=limit)

    def longest_waiting(self, *, now: float) -> Priority | None:
        """Return the priority of the job that has waited longest, or None; see `FairOrder.due_since`."""
        self._order.admit_returned(now=now)
        since = self._order.due_since()
        return min(since, key=lambda priority: since[priority], default=None)

    # --- held leases

    def renew(self, leases: Sequence[Lease], *, now: float, lease_seconds: float) -> None:
        """Extend the leases that still hold. The attempts of lost leases find out when they report."""
        if not leases:
            return
        until = now + lease_seconds
        if is_sqlite(self._connection):
            self._connection.execute(RENEW.sqlite, [{**_fence(lease), "until": until} for lease in leases])
        else:
            self._connection.execute(RENEW.postgresql, _fences(leases) | {"until": until})

    def move(self, nodes: Mapping[Lease, str]) -> None:
        """Record that these leases are worked on at other nodes, whose addresses are given."""
        self._connection.execute(MOVE, [{**_fence(lease), "on_node": node} for lease, node in nodes.items()])

    def finish(self, done: Sequence[tuple[Lease, Succeeded]], *, now: float) -> list[Lease]:
        """Record that these jobs succeeded. States, facts of photos and addresses of renditions change together.

        Returns the leases that no longer hold. Nothing changes for them.
        """
        fences = _fences([lease for lease, _ in done])
        Photos(self._connection).lock_of_jobs(fences["held_ids"])
        if is_sqlite(self._connection):
            fences["held"] = list(zip(fences["held_ids"], fences.pop("held_attempts"), strict=True))
        finished = self._connection.execute(FINISH.of(self._connection), fences | {"now": now})
        held = {(row.id, row.attempt): row.folder_id for row in finished}
        rendered = {lease.photo_id: succeeded for lease, succeeded in done if (lease.job_id, lease.attempt) in held}
        Photos(self._connection).describe(rendered, now=now)
        self._outbox.ended([job_id for job_id, _ in held], now=now)
        Folders(self._connection, self._shard).note_ends(held.values(), now=now)
        return [lease for lease, _ in done if (lease.job_id, lease.attempt) not in held]

    def release(self, lease: Lease, error: RaythumbsError, *, now: float, due_at: float, counts: Sequence[str]) -> None:
        """Queue the job again, to be tried from `due_at` on. Raises StaleLease if the lease no longer holds.

        `counts` names the counters that go up by one: `errors`, `timeouts`, `crashes`, `losses`.
        """
        self._move(RELEASE, lease, **_released(error, due_at=due_at, counts=counts))
        self._attempts.failed(lease, cause_of(error), now=now)

    def release_all(
        self, leases: Sequence[Lease], error: RaythumbsError, *, now: float, counts: Sequence[str]
    ) -> list[Lease]:
        """Queue the jobs of lost attempts again, to be tried at once. Return the leases that no longer hold."""
        values = _released(error, due_at=now, counts=counts)
        stale = [lease for lease in leases if not self._moved(RELEASE, lease, values)]
        self._attempts.lost([lease for lease in leases if lease not in stale], cause_of(error), now=now)
        return stale

    def fail(self, lease: Lease, error: RaythumbsError, *, now: float) -> None:
        """Record that the job failed for good. Raises StaleLease if the lease no longer holds."""
        self._end(lease, State.FAILED, error, cause_of(error), now=now)

    def miss(self, lease: Lease, error: RaythumbsError, *, now: float) -> None:
        """Record that the photo is not in its store, and drop its renditions. Raises StaleLease as `fail` does.

        If the lease has a version, an event announced the photo and it was deleted since: the job is cancelled.
        Otherwise the job fails.
        """
        if lease.version is None:
            self.fail(lease, error, now=now)
        else:
            self._end(lease, State.CANCELLED, error, cause(DELETED, error.reason), now=now)
        Photos(self._connection).mark_deleted(lease.photo_id, now=now)

    def _end(self, lease: Lease, state: State, error: RaythumbsError, why: Mapping[str, str], *, now: float) -> None:
        Photos(self._connection).lock_of_jobs([lease.job_id])
        self._move(_ENDS[state], lease, now=now, **why)
        self._attempts.failed(lease, cause_of(error), now=now)
        self._outbox.ended([lease.job_id], now=now)
        Folders(self._connection, self._shard).note_end_of_job(lease.job_id, state, now=now)

    def _move(self, move: Update, lease: Lease, **values: object) -> None:
        if not self._moved(move, lease, values):
            raise StaleLease(f"attempt {lease.attempt} no longer holds job {lease.job_id}")

    def _moved(self, move: Update, lease: Lease, values: dict[str, object]) -> bool:
        return self._connection.execute(move, _fence(lease) | values).rowcount == 1

    # --- lost leases

    def rescue(self, *, now: float) -> list[str]:
        """Queue the jobs again whose lease ran out, and return their ids. From now on they are leased alone."""
        return self._take_back(RESCUE, _RAN_OUT, now=now)

    def readopt(self, *, now: float) -> list[str]:
        """Queue all running jobs again, without counting it as a loss, and return their ids.

        For a queue that has just started, when nothing can be running.
        """
        return self._take_back(READOPT, _LEFT, now=now)

    def _take_back(self, move: Executable, reason: str, *, now: float) -> list[str]:
        rows = self._connection.execute(move, {"of_shard": self._shard, "now": now}).all()
        self._attempts.taken_back(rows, reason, now=now)
        return [row.id for row in rows]


def _fence(lease: Lease) -> dict[str, object]:
    return {"held_id": lease.job_id, "held_attempt": lease.attempt}


def _fences(leases: Sequence[Lease]) -> dict[str, Any]:
    return {"held_ids": [lease.job_id for lease in leases], "held_attempts": [lease.attempt for lease in leases]}


def _released(error: RaythumbsError, *, due_at: float, counts: Sequence[str]) -> dict[str, object]:
    return {"due": due_at, **cause_of(error), **{f"more_{name}": int(name in counts) for name in _BUDGETS}}


def _as_lease(row: Row[Any], kept: tuple[Rendition, ...]) -> Lease:
    priority = Priority.ranked(row.priority)
    return as_word(Lease, row, job_id=row.id, priority=priority, until=row.lease_until, renditions=kept)
