"""Fills free slots with batches of leases, and decides what follows from each outcome."""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice

from raythumbs.db.database import Connection
from raythumbs.db.jobs import Jobs
from raythumbs.db.leftovers import Leftovers
from raythumbs.engine.batch import Batch, BatchLost, NodeUnfit, RunBatch
from raythumbs.engine.lookout import Surroundings
from raythumbs.engine.record import Record
from raythumbs.engine.slots import Slots
from raythumbs.engine.together import Together
from raythumbs.errors import (
    Crashed,
    NeedsMemory,
    NoSuchObject,
    Poison,
    RaythumbsError,
    StaleLease,
    StoreUnavailable,
    TimedOut,
    TooLarge,
    Unstorable,
)
from raythumbs.events import emit, emit_trouble
from raythumbs.model.backoff import LONGEST_SECONDS, backoff_seconds
from raythumbs.model.job import Priority
from raythumbs.model.lease import Failed, Lease, Report, Succeeded

_BATCH_SECONDS = 0.5  # of work: long enough that Ray's cost per task vanishes, short enough that a person does not wait
_BATCH_PHOTOS = 32
_PLENTY = 256
_AGED_OF_LEASINGS = 10
_FIRST_GUESS_SECONDS = 0.05  # for one photo, until some have been measured
_LEARNING = 0.1  # how much one photo changes the guess
_SHORTEST_SECONDS = 0.001  # that is guessed, so that photos which take no time at all can be divided by it
_LARGE_WAITING = 32  # photos that wait for the lane of the large; more of them wait in the database
_LARGE_SECONDS = 10  # until one of those is looked at again


Done = Sequence[tuple[Lease, Succeeded]]  # of one batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """How long a lease lasts; how often a job may go wrong until it fails; the memory that a node must have left."""

    lease_seconds: float
    max_errors: int
    max_timeouts: int
    max_crashes: int
    min_free_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _AtWork:
    """A batch and what it has not reported yet."""

    batch: Batch
    left: dict[str, Lease]


class Dispatcher:
    """Leases what is due into the slots that are free. It alone renews leases: the nodes' clocks do not matter."""

    def __init__(  # noqa: PLR0913 what it works with
        self,
        record: Record,
        slots: Slots,
        run: RunBatch,
        *,
        budgets: Budgets,
        chance: Callable[[], float],
        shard: int = 0,
    ) -> None:
        self._record = record
        self._slots = slots
        self._run = run
        self._budgets = budgets
        self._chance = chance
        self._shard = shard
        self._photo_seconds = _FIRST_GUESS_SECONDS
        self._held: dict[str, Lease] = {}
        self._large: list[tuple[Lease, int]] = []
        self._tickets = count(1)
        self._leasings = 0
        self._growing: dict[int, _AtWork] = {}
        # Of many slots: what they ask and report while the last is written is written together.
        self._askings: Together[int, list[Lease]] = Together(self._lease_for_all, most=_PLENTY)
        self._endings: Together[Done, set[Lease]] = Together(self._finish_all, most=_PLENTY, weigh=len)
        self._batches: set[asyncio.Task[None]] = set()
        self.draining = False
        self.late_reports = 0
        self.wake = asyncio.Event()

    @property
    def running(self) -> int:
        """Photos that are leased now."""
        return len(self._held) + len(self._large)

    @property
    def photo_seconds(self) -> float:
        """How long a slot works on one photo, as far as that is known."""
        return max(_SHORTEST_SECONDS, self._photo_seconds)

    async def turn(self) -> None:
        """Lease into every free slot, as long as there is work; large photos that wait go first."""
        self._start_large()
        while not self.draining and (nodes := list(iter(self._slots.take, None))):
            batches: list[list[Lease]] = []
            try:
                batches = await self._record.write(partial(self._lease, batches=len(nodes)))
            finally:
                for node in nodes[len(batches) :]:
                    self._slots.give_back(node)
            for node, leases in zip(nodes, batches, strict=False):
                self._start(Batch(next(self._tickets), node, tuple(leases)))
            if len(batches) < len(nodes):
                return

    def warm(self) -> None:
        """Run an empty batch in every free slot: its process is up before the first photo comes."""
        while (node := self._slots.take()) is not None:
            self._start(Batch(next(self._tickets), node, ()))

    async def reconsider(self) -> None:
        """Try the nodes that were unfit again, with empty batches: no photo is sent there before one has begun."""
        for node in self._slots.refused:
            try:
                async for _ in self._run(Batch(next(self._tickets), node, ())):
                    pass
            except BatchLost as lost:
                emit("node.refused", node=node.id, reason=str(lost))
            else:
                self._slots.accept(node)
                self.wake.set()

    async def more(self, ticket: int, room: int, seen: Surroundings | None = None) -> list[Lease]:
        """Return up to `room` leases for a batch that asks before it is out of work, so that no slot idles between two
        batches; none if its slot is wanted for something else. `seen` is what its worker sees of the node."""
        if seen and ticket in self._growing:
            node = self._growing[ticket].batch.node
            self._slots.yield_to(seen, node, min_free_bytes=self._budgets.min_free_memory_bytes)
        if not self._may_grow(ticket):
            return []
        leases = await self._askings.ask(room)
        at_work = self._growing.get(ticket)
        if at_work is None:  # it was lost in the meantime
            await self._settle_lost(leases, BatchLost("its batch ended", blameless=True))
            return []
        taken = {lease.job_id: lease for lease in leases}
        at_work.left.update(taken)
        self._held.update(taken)
        return leases

    async def renew(self) -> None:
        """Prolong every lease that is held, then rescue what nobody holds: after an outage of the database all of them
        have run out, and those that are held are still worked on."""
        held = [*self._held.values(), *(lease for lease, _ in self._large)]

        def write(db: Connection, now: float) -> list[str]:
            jobs = Jobs(db, self._shard)
            jobs.renew(held, now=now, lease_seconds=self._budgets.lease_seconds)
            return jobs.rescue(now=now)

        if rescued := await self._record.write(write):
            emit("jobs.rescued", jobs=rescued)

    async def drain(self, seconds: float) -> None:
        """Lease nothing new, and wait for what runs; what is not done by then is queued again, at no cost."""
        self.draining = True
        if self._batches:
            await asyncio.wait(self._batches, timeout=seconds)
        left = await self._record.write(lambda db, now: Jobs(db, self._shard).readopt(now=now))
        emit("queue.drained", unfinished=len(left))

    def resume(self) -> None:
        """Lease again, after a drain that nothing followed."""
        self.draining = False
        self.wake.set()
        emit("queue.resumed")

    def _may_grow(self, ticket: int) -> bool:
        at_work = self._growing.get(ticket)
        wanted_otherwise = self.draining or self._large
        return at_work is not None and not wanted_otherwise and not self._slots.is_over(at_work.batch.node)

    def _lease(self, db: Connection, now: float, *, batches: int) -> list[list[Lease]]:
        jobs = Jobs(db, self._shard)
        most = max(1, min(_BATCH_PHOTOS, round(_BATCH_SECONDS / self.photo_seconds)))
        slots = max(batches, self._slots.total)
        waiting = _waiting(jobs, now=now, most=most * slots)
        shares = [(waiting + slots - 1 - place) // slots for place in range(batches)]  # the last photos are spread
        return jobs.lease_next(
            [n for n in shares if n],
            now=now,
            lease_seconds=self._budgets.lease_seconds,
            priorities=self._order(jobs, now=now),
        )

    async def _lease_for_all(self, rooms: list[int]) -> list[list[Lease]]:
        return await self._record.write(partial(self._lease_more, rooms=rooms))

    def _lease_more(self, db: Connection, now: float, *, rooms: list[int]) -> list[list[Lease]]:
        jobs = Jobs(db, self._shard)
        shares = 2 * max(1, self._slots.total)  # the last photos are spread, in ever smaller helpings
        waiting = _waiting(jobs, now=now, most=max(rooms) * shares)
        helpings = [min(room, math.ceil(waiting / shares)) for room in rooms]
        leases = jobs.lease_more(
            sum(helpings),
            now=now,
            lease_seconds=self._budgets.lease_seconds,
            priorities=self._order(jobs, now=now),
        )
        following = iter(leases)
        return [list(islice(following, helping)) for helping in helpings]

    def _order(self, jobs: Jobs, *, now: float) -> list[Priority]:
        """Return whose turn it is: the most urgent's, and every tenth time first that of those who have waited longest,
        so that a steady stream of urgent photos never stops a backfill."""
        self._leasings += 1
        patient = None if self._leasings % _AGED_OF_LEASINGS else jobs.longest_waiting(now=now)
        return sorted(Priority, key=lambda priority: (priority is not patient, priority.rank))

    def _start_large(self) -> None:
        """Start what waits for the lane of the large: one a node, each with its memory set apart."""
        waiting, self._large = self._large, []
        for lease, needed_bytes in waiting:
            if not self.draining and (node := self._slots.take_large(needed_bytes)):
                self._start(Batch(next(self._tickets), node, (lease,), memory_bytes=needed_bytes))
            else:
                self._large.append((lease, needed_bytes))

    def _start(self, batch: Batch) -> None:
        self._held.update({lease.job_id: lease for lease in batch.leases})
        at_work = _AtWork(batch, {lease.job_id: lease for lease in batch.leases})
        if batch.may_grow:
            self._growing[batch.ticket] = at_work
        task = asyncio.create_task(self._run_batch(at_work))
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)

    async def _run_batch(self, at_work: _AtWork) -> None:
        batch = at_work.batch
        try:
            async for reports in self._run(batch):
                await self._take_in(at_work, reports)
        except BatchLost as lost:
            self._growing.pop(batch.ticket, None)  # before anything else: it must not be given more
            if isinstance(lost, NodeUnfit):
                self._slots.refuse(batch.node, str(lost))
            elif lost.blameless:
                self._slots.doubt(batch.node)
            await self._settle_lost(at_work.left.values(), lost)
        except Exception as error:  # noqa: BLE001 a batch's edge: its leases run out and are rescued
            emit_trouble("batch.stumbled", error, jobs=sorted(at_work.left))
        finally:
            self._growing.pop(batch.ticket, None)
            for job_id in at_work.left:
                self._held.pop(job_id, None)
            if batch.memory_bytes:
                self._slots.give_back_large(batch.node)
            else:
                self._slots.give_back(batch.node)
            self.wake.set()

    async def _take_in(self, at_work: _AtWork, reports: Sequence[Report]) -> None:
        for report in reports:
            at_work.left.pop(report.lease.job_id, None)
        done = [report for report in reports if isinstance(report.outcome, Succeeded)]
        failed = [report for report in reports if isinstance(report.outcome, Failed)]
        await asyncio.gather(self._succeed(done), *map(self._settle, failed))  # at once: they share a commit

    async def _succeed(self, reports: Sequence[Report]) -> None:
        """Record successes, all in one write. One that the database refuses fails alone, at no cost to the others."""
        done = [(report.lease, report.outcome) for report in reports if isinstance(report.outcome, Succeeded)]
        try:
            late = await self._endings.ask(done) if done else set()
        except Unstorable as error:
            if len(reports) == 1:
                await self._settle(replace(reports[0], outcome=Failed(error)))
            else:
                await asyncio.gather(*(self._succeed([report]) for report in reports))
            return
        finally:
            for lease, _ in done:
                self._held.pop(lease.job_id, None)
        for report in reports:
            await self._fenced(report) if report.lease in late else self._learn(report)

    async def _finish_all(self, groups: list[Done]) -> list[set[Lease] | RaythumbsError]:
        """Record the successes of several batches; tell each which of its leases hold no longer, or what of it the
        database refuses."""
        together = [one for group in groups for one in group]
        try:
            late = set(await self._record.insist(lambda db, now: Jobs(db).finish(together, now=now)))
        except RaythumbsError as error:  # somebody's; to find out whose, and to spare the others
            if len(groups) == 1:
                return [error]
            alone = await asyncio.gather(*(self._finish_all([group]) for group in groups))
            return [told for [told] in alone]
        return [late.intersection(lease for lease, _ in group) for group in groups]

    def _learn(self, report: Report) -> None:
        lease = report.lease
        self._photo_seconds += _LEARNING * (report.seconds - self._photo_seconds)
        emit("job.succeeded", job_id=lease.job_id, attempt=lease.attempt, seconds=round(report.seconds, 4))

    async def _settle(self, report: Report) -> None:
        lease = report.lease
        try:
            match report.outcome:
                case Succeeded():
                    await self._succeed([report])
                case Failed(NeedsMemory() as error):
                    await self._set_aside(lease, error)
                case Failed(NoSuchObject() as error):
                    await self._miss(lease, error)
                case Failed(Crashed() as error):
                    await self._crashed(lease, error)
                case Failed(TimedOut() as error):
                    await self._timed_out(lease, error)
                case Failed(error) if error.retryable and lease.errors + 1 < self._budgets.max_errors:
                    await self._release(lease, error, after=lease.errors + 1, counts=("errors",))
                case Failed(error):
                    await self._fail(lease, error)
        except StaleLease:
            await self._fenced(report)
        finally:
            self._held.pop(lease.job_id, None)

    async def _set_aside(self, lease: Lease, error: NeedsMemory) -> None:
        """Keep the lease for the lane of the large."""
        if not self._slots.has_memory(error.needed_bytes):
            await self._fail(lease, TooLarge(f"{error.reason}; no node has so much"))
        elif len(self._large) >= _LARGE_WAITING:
            await self._record.insist(
                lambda db, now: Jobs(db).release(lease, error, due_at=now + _LARGE_SECONDS, counts=())
            )
        else:
            self._large.append((lease, error.needed_bytes))
            emit("job.set_aside", job_id=lease.job_id, attempt=lease.attempt, needed_bytes=error.needed_bytes)

    async def _settle_lost(self, leases: Iterable[Lease], lost: BatchLost) -> None:
        """Find out who is to blame, do not guess: of several, each is tried again alone; one alone is it."""
        unsettled = list(leases)
        emit_trouble("batch.lost", lost, blameless=lost.blameless, jobs=[lease.job_id for lease in unsettled])
        error = Crashed(f"the task was lost: {lost}")
        for lease in unsettled:
            try:
                if lost.blameless:
                    await self._release(lease, error, after=0, counts=())
                elif len(unsettled) > 1:
                    await self._release(lease, error, after=0, counts=("losses",))
                else:
                    await self._crashed(lease, error)
            except StaleLease:
                await self._fenced(Report(lease, Failed(error), 0.0))

    async def _timed_out(self, lease: Lease, error: TimedOut) -> None:
        if lease.timeouts + 1 < self._budgets.max_timeouts:
            await self._release(lease, error, after=lease.timeouts + 1, counts=("timeouts",))
        else:
            await self._fail(lease, error)

    async def _crashed(self, lease: Lease, error: RaythumbsError) -> None:
        if lease.crashes + 1 < self._budgets.max_crashes:
            await self._release(lease, error, after=lease.crashes + 1, counts=("crashes",))
        else:
            await self._fail(lease, Poison(f"{lease.crashes + 1} attempts crashed, the last with: {error.reason}"))

    async def _release(self, lease: Lease, error: RaythumbsError, *, after: int, counts: tuple[str, ...]) -> None:
        asked = error.retry_after_seconds if isinstance(error, StoreUnavailable) else None
        wait = min(LONGEST_SECONDS, max(backoff_seconds(after, chance=self._chance()), asked or 0.0))
        await self._record.insist(lambda db, now: Jobs(db).release(lease, error, due_at=now + wait, counts=counts))
        emit("job.released", job_id=lease.job_id, attempt=lease.attempt, code=error.code, after_seconds=round(wait, 1))

    async def _miss(self, lease: Lease, error: NoSuchObject) -> None:
        await self._record.insist(lambda db, now: Jobs(db).miss(lease, error, now=now))
        emit("photo.missed", job_id=lease.job_id, attempt=lease.attempt, reason=error.reason)

    async def _fenced(self, report: Report) -> None:
        """A late attempt changes nothing; what it stored is left over, unless the photo leads to it all the same."""
        self.late_reports += 1
        lease = report.lease
        emit("report.fenced", job_id=lease.job_id, attempt=lease.attempt, outcome=type(report.outcome).__name__)
        if isinstance(report.outcome, Succeeded):
            left = {made.key: lease.photo_id for made in report.outcome.renditions}
            await self._record.insist(lambda db, now: Leftovers(db).leave(left, due_at=now))

    async def _fail(self, lease: Lease, error: RaythumbsError) -> None:
        await self._record.insist(lambda db, now: Jobs(db).fail(lease, error, now=now))
        emit("job.failed", job_id=lease.job_id, attempt=lease.attempt, code=error.code, reason=error.reason)


def _waiting(jobs: Jobs, *, now: float, most: int) -> int:
    """Return how many wait, up to `most`; beyond some hundreds they are plenty, and not counted: to count thousands for
    each lease took as long as the lease."""
    counted = min(most, _PLENTY)
    waiting = jobs.waiting(now=now, limit=counted)
    return waiting if waiting < counted else most
