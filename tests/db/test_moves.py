"""Whatever the order of the moves, a job keeps to the rules."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from hypothesis.strategies import integers, sampled_from

from raythumbs.db.database import Database
from raythumbs.errors import Crashed, IllegalMove, NotAnImage, StaleLease, UnknownJob
from raythumbs.model.job import INCOMPLETE, NEXT, Job, Priority, State
from tests.conftest import Clock
from tests.db.conftest import Record, a_request, a_success

SOURCES = [f"s3://photos/{number}.jpg" for number in range(3)]


class Moves(RuleBasedStateMachine):
    leases = Bundle("leases")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name)}/record.db")
        self.database.open()
        self.clock = Clock()
        self.record = Record(self.database, self.clock)
        self.before: dict[str, Job] = {}
        self.asked = 0

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    @rule(source=sampled_from(SOURCES), priority=sampled_from(list(Priority)), version=sampled_from(["v1", "v2", None]))
    def enqueue(self, source: str, priority: Priority, version: str | None) -> None:
        self.asked += 1
        (job,) = self.record.enqueue(a_request(self.asked, source=source, priority=priority, version=version))
        assert job.state in INCOMPLETE

    @rule(target=leases, limit=integers(1, 3))
    def lease(self, limit: int):
        return multiple(*self.record.lease(limit, seconds=60))

    @rule(lease=consumes(leases))
    def finish(self, lease) -> None:
        self.unless_stale(lease, lambda: self.record.finish(lease, a_success()))

    @rule(lease=consumes(leases), counts=sampled_from([(), ("errors",), ("crashes",), ("losses",)]))
    def release(self, lease, counts) -> None:
        self.unless_stale(lease, lambda: self.record.release(lease, Crashed("x"), counts=counts))

    @rule(lease=consumes(leases))
    def fail(self, lease) -> None:
        self.unless_stale(lease, lambda: self.record.fail(lease, NotAnImage("x")))

    @rule(seconds=integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.record.rescue()

    @rule()
    def restart(self) -> None:
        self.record.readopt()

    @rule(number=integers(1, 20), verb=sampled_from(["cancel", "retry"]))
    def by_hand(self, number: int, verb: str) -> None:
        with suppress(UnknownJob, IllegalMove):
            getattr(self.record, verb)(f"job-{number:06d}")

    def unless_stale(self, lease, move) -> None:
        held = self.record.job(lease.job_id)
        holds = held.state is State.RUNNING and held.attempt == lease.attempt
        try:
            move()
        except StaleLease:
            assert not holds
        else:
            assert holds

    @invariant()
    def no_state_is_reached_by_a_way_that_is_not_drawn(self) -> None:
        if not hasattr(self, "record"):
            return
        now = {job.id: job for job in self.record.page(limit=1000)}
        for job_id, job in now.items():
            before = self.before.get(job_id, job)
            assert reachable(before.state, job.state)
            assert job.attempt >= before.attempt
        incomplete = [job.source for job in now.values() if job.state in INCOMPLETE]
        assert len(incomplete) == len(set(incomplete))
        assert set(self.before) <= set(now)
        self.before = now


def reachable(start: State, end: State) -> bool:
    """Whether one or two moves lead there: a lease that ran out is queued and may be leased in one rule."""
    return start is end or end in NEXT[start] or any(end in NEXT[middle] for middle in NEXT[start])


Moves.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestMoves = Moves.TestCase
