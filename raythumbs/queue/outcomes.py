"""Decides what follows from each outcome of an attempt, and records it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from raythumbs.db.job_rows import DELETED
from raythumbs.db.leases import Leases
from raythumbs.db.leftovers import Leftovers
from raythumbs.db.record import Record
from raythumbs.errors import (
    Crashed,
    Internal,
    NeedsMemory,
    NoSuchObject,
    Poison,
    RaythumbsError,
    StaleLease,
    StoreRefused,
    StoreUnavailable,
    TimedOut,
    TooLarge,
    Unstorable,
)
from raythumbs.events import emit, emit_trouble
from raythumbs.model.backoff import LONGEST_SECONDS
from raythumbs.model.figures import Ending
from raythumbs.model.lease import Failed, Lease, Report, Succeeded
from raythumbs.queue.batch import BatchLost, TaskRaised
from raythumbs.queue.coalescer import Coalescer
from raythumbs.queue.large_lane import LargeLane, LargePhoto
from raythumbs.queue.pace import Pace
from raythumbs.queue.telemetry import Telemetry

TOGETHER = 256  # jobs in one write, at most
_FIRST_GUESS_SECONDS = 0.05  # for one photo, until some have been measured
_SHORTEST_SECONDS = 0.001  # the smallest estimate, because others divide by it

Done = Sequence[tuple[Lease, Succeeded]]  # of one batch


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The leases of a batch that no longer held, and the database's time when the others were recorded."""

    late: set[Lease]
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """How long a lease lasts; how often a job may go wrong until it fails; the memory that a node must have left."""

    lease_seconds: float
    max_errors: int
    max_timeouts: int
    max_crashes: int
    min_free_memory_bytes: int = 0


class Outcomes:
    """Records successes together. A failure is released to be tried again, set aside for its size, or final."""

    def __init__(self, record: Record, large: LargeLane, *, budgets: Budgets, pace: Pace, telemetry: Telemetry) -> None:
        self._record = record
        self._large = large
        self._budgets = budgets
        self._pace = pace
        self._telemetry = telemetry
        self._tally = telemetry.tally
        self._photo_seconds = _FIRST_GUESS_SECONDS
        # Many slots report at once: reports that arrive during a write share the next one.
        self._endings: Coalescer[Done, _Recorded] = Coalescer(self._finish_all, most=TOGETHER, weigh=len)
        self.late_reports = 0

    @property
    def photo_seconds(self) -> float:
        """The seconds that a slot needs for one photo: an estimate from the photos so far."""
        return max(_SHORTEST_SECONDS, self._photo_seconds)

    async def take_in(self, reports: Sequence[Report]) -> None:
        """Record what a batch reports."""
        done = [report for report in reports if isinstance(report.outcome, Succeeded)]
        failed = [report for report in reports if isinstance(report.outcome, Failed)]
        for report in reports:
            self._tally.attempted(report.took)
        await asyncio.gather(self._succeed(done), *map(self._settle, failed))  # at once: they share a commit

    async def lost(self, leases: Iterable[Lease], lost: BatchLost) -> None:
        """Retry each lease of a lost batch alone. A lease that is lost alone counts as a crash, or as an error if the
        service's own code is the reason."""
        left = list(leases)
        error = Internal() if isinstance(lost, TaskRaised) else Crashed(f"the task was lost: {lost}")
        emit_trouble("batch.lost", lost, jobs=[lease.job_id for lease in left])
        if len(left) == 1:
            await self._settle(Report(left[0], Failed(error), 0.0))
        else:
            await self._release_all(left, error, counts=("losses",))

    async def release_innocent(self, leases: Iterable[Lease], reason: str) -> None:
        """Queue the leases of a batch again that ended for a reason of its node; they count no attempt."""
        left = list(leases)
        error = Crashed(f"the task was lost: {reason}")
        emit_trouble("batch.returned", error, jobs=[lease.job_id for lease in left])
        await self._release_all(left, error, counts=())

    async def give_up(self, photo: LargePhoto) -> None:
        """Fail a large photo that no node has the memory for."""
        error = TooLarge(f"it needs {photo.needed_bytes} bytes of memory; no node has so much")
        report = Report(photo.lease, Failed(error), 0.0)
        try:
            await self._fail(report, error)
        except StaleLease:
            await self._fenced(report)

    async def _release_all(self, leases: Sequence[Lease], error: RaythumbsError, *, counts: tuple[str, ...]) -> None:
        """Queue leases again in one write, to be tried at once."""
        if not leases:
            return
        stale = await self._record.insist(lambda db, now: Leases(db).release_all(leases, error, now=now, counts=counts))
        for lease in leases:
            if lease in stale:
                await self._fenced(Report(lease, Failed(error), 0.0))
            else:
                _emit_released(lease, error, after_seconds=0.0)
        if counts:  # what is released as innocent is no failed attempt
            self._tally.retried(error.code, len(leases) - len(stale))

    async def _succeed(self, reports: Sequence[Report]) -> None:
        """Record successes in one write. One that the database refuses, or that meets a bug, fails alone."""
        done = [(report.lease, report.outcome) for report in reports if isinstance(report.outcome, Succeeded)]
        if not done:
            return
        try:
            recorded = await self._endings.ask(done)
        except (Unstorable, Internal) as error:
            if len(reports) == 1:
                await self._settle(replace(reports[0], outcome=Failed(error)))
            else:
                await asyncio.gather(*(self._succeed([report]) for report in reports))
            return
        for report in reports:
            await self._fenced(report) if report.lease in recorded.late else self._learn(report, at=recorded.at)

    async def _finish_all(self, groups: list[Done]) -> list[_Recorded | RaythumbsError]:
        """Record the successes of several batches. Return for each what was recorded, or the error of the database for
        it."""
        together = [one for group in groups for one in group]
        try:
            late, at = await self._record.insist(lambda db, now: (set(Leases(db).finish(together, now=now)), now))
        except RaythumbsError as error:  # one batch's: find out which, and spare the others
            if len(groups) == 1:
                return [error]
            alone = await asyncio.gather(*(self._finish_all([group]) for group in groups))
            return [result for [result] in alone]
        return [_Recorded(late.intersection(lease for lease, _ in group), at) for group in groups]

    def _learn(self, report: Report, *, at: float) -> None:
        lease = report.lease
        self._photo_seconds += self._pace.learning * (report.seconds - self._photo_seconds)
        self._tally.succeeded(lease.priority, after_seconds=at - lease.created_at)
        self._telemetry.attempted(report, is_last=True)
        emit("job.succeeded", **_facts(lease), seconds=round(report.seconds, 4))

    async def _settle(self, report: Report) -> None:
        lease = report.lease
        try:
            match report.outcome:
                case Succeeded():
                    await self._succeed([report])
                case Failed(NeedsMemory() as error):
                    await self._set_aside(report, error)
                case Failed(NoSuchObject() as error):
                    await self._miss(report, error)
                case Failed(Crashed() as error):
                    await self._crashed(report, error)
                case Failed(TimedOut() as error):
                    await self._timed_out(report, error)
                case Failed(error) if error.retryable and lease.errors + 1 < self._budgets.max_errors:
                    await self._release(report, error, after=lease.errors + 1, counts=("errors",))
                case Failed(error):
                    await self._fail(report, error)
        except StaleLease:
            await self._fenced(report)

    async def _set_aside(self, report: Report, error: NeedsMemory) -> None:
        """Keep the lease for the lane of the large."""
        lease = report.lease
        if not self._large.fits(error.needed_bytes):
            await self._fail(report, TooLarge(f"{error.reason}; no node has so much"))
        elif self._large.is_full:
            wait = self._pace.large_again_seconds
            await self._record.insist(
                lambda db, now: Leases(db).release(lease, error, now=now, due_at=now + wait, counts=())
            )
        else:
            self._large.add(lease, error.needed_bytes)
            emit("job.set_aside", **_facts(lease), needed_bytes=error.needed_bytes)

    async def _timed_out(self, report: Report, error: TimedOut) -> None:
        lease = report.lease
        if lease.timeouts + 1 < self._budgets.max_timeouts:
            await self._release(report, error, after=lease.timeouts + 1, counts=("timeouts",))
        else:
            await self._fail(report, error)

    async def _crashed(self, report: Report, error: RaythumbsError) -> None:
        lease = report.lease
        if lease.crashes + 1 < self._budgets.max_crashes:
            await self._release(report, error, after=lease.crashes + 1, counts=("crashes",))
        else:
            await self._fail(report, Poison(f"{lease.crashes + 1} attempts crashed, the last with: {error.reason}"))

    async def _release(self, report: Report, error: RaythumbsError, *, after: int, counts: tuple[str, ...]) -> None:
        lease = report.lease
        asked = error.retry_after_seconds if isinstance(error, StoreUnavailable) else None
        backoff = self._pace.slow_backoff if isinstance(error, StoreRefused) else self._pace.backoff
        wait = min(LONGEST_SECONDS, max(backoff(after), asked or 0.0))
        await self._record.insist(
            lambda db, now: Leases(db).release(lease, error, now=now, due_at=now + wait, counts=counts)
        )
        self._tally.retried(error.code)
        self._telemetry.attempted(report, is_last=False)
        _emit_released(lease, error, after_seconds=round(wait, 1))

    async def _miss(self, report: Report, error: NoSuchObject) -> None:
        lease = report.lease
        await self._record.insist(lambda db, now: Leases(db).miss(lease, error, now=now))
        ending = (Ending.FAILED, error.code) if lease.version is None else (Ending.DELETED, DELETED)
        self._tally.ended(*ending)
        self._telemetry.attempted(report, is_last=True)
        emit("photo.missed", **_facts(lease), reason=error.reason)

    async def _fenced(self, report: Report) -> None:
        """Note a report of a lost lease, which changes nothing. Its renditions are leftovers, if not the photo's."""
        self.late_reports += 1
        lease = report.lease
        emit("report.fenced", **_facts(lease), outcome=type(report.outcome).__name__)
        if isinstance(report.outcome, Succeeded):
            left = {made.key: lease.photo_id for made in report.outcome.renditions}
            await self._record.insist(lambda db, now: Leftovers(db).leave(left, due_at=now))

    async def _fail(self, report: Report, error: RaythumbsError) -> None:
        lease = report.lease
        await self._record.insist(lambda db, now: Leases(db).fail(lease, error, now=now))
        self._tally.ended(Ending.FAILED, error.code)
        self._telemetry.attempted(replace(report, outcome=Failed(error)), is_last=True)
        emit("job.failed", **_facts(lease), code=error.code, reason=error.reason)


def _emit_released(lease: Lease, error: RaythumbsError, *, after_seconds: float) -> None:
    emit("job.released", **_facts(lease), code=error.code, after_seconds=after_seconds)


def _facts(lease: Lease) -> dict[str, object]:
    return {"job_id": lease.job_id, "photo_id": lease.photo_id, "attempt": lease.attempt}
