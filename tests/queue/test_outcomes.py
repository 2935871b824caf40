"""What follows from an outcome, on a real database."""

import asyncio
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.leases import Leases
from raythumbs.db.record import Record
from raythumbs.errors import AccessDenied, Archived, ClockSkew, Encrypted, StoreUnavailable
from raythumbs.model.backoff import backoff_seconds, slow_backoff_seconds
from raythumbs.model.job import State
from raythumbs.model.lease import Failed, Report
from raythumbs.model.selection import Selection
from raythumbs.queue.batch import TaskLost, TaskRaised
from raythumbs.queue.outcomes import Budgets, Outcomes
from raythumbs.queue.pace import Pace
from raythumbs.queue.telemetry import Telemetry
from tests.queue.conftest import a_request, a_success
from tests.records import lay_sqlite

LOST = TaskLost("the worker died")
PACE = Pace(backoff=partial(backoff_seconds, chance=0.5), slow_backoff=partial(slow_backoff_seconds, chance=0.5))
BUDGETS = Budgets(lease_seconds=60, max_errors=3, max_timeouts=3, max_crashes=3)


class Story:
    """The outcomes of jobs that are leased."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.outcomes = Outcomes(record, None, budgets=BUDGETS, pace=PACE, telemetry=Telemetry())

    async def leases(self, count):
        def write(db, now):
            Intake(db).enqueue([a_request(number) for number in range(count)], now=now)
            return Leases(db).lease_next([count], now=now, lease_seconds=60)[0]

        return await self.record.write(write)

    async def jobs(self):
        return await self.record.read(lambda db: Jobs(db).list(Selection(), after=None, limit=100)[::-1])


@pytest.fixture
def told(tmp_path):
    """Runs a story on a record of its own."""

    def run(story):
        async def on_a_record():
            lay_sqlite(tmp_path / "record.db")
            database = Database(f"sqlite:///{tmp_path}/record.db")
            database.open()
            with closing(Record(database)) as record:
                return await story(Story(record))

        return asyncio.run(on_a_record())

    return run


@pytest.mark.parametrize("is_innocent", [True, False])
def test_the_leases_of_a_lost_batch_are_released_in_one_commit(told, is_innocent):
    async def story(told):
        leases = await told.leases(20)
        before = told.record.commits
        if is_innocent:
            await told.outcomes.release_innocent(leases, "the node left")
        else:
            await told.outcomes.lost(leases, LOST)
        return told.record.commits - before, await told.jobs()

    commits, jobs = told(story)

    assert commits == 1
    assert {(job.state, job.losses, job.crashes) for job in jobs} == {(State.QUEUED, 0 if is_innocent else 1, 0)}


def test_a_batch_that_is_lost_after_its_last_report_writes_nothing(told):
    async def story(told):
        await told.leases(1)
        before = told.record.commits
        await told.outcomes.lost([], LOST)
        return told.record.commits - before

    assert told(story) == 0


def test_a_lease_of_a_lost_batch_that_no_longer_holds_is_fenced_and_the_others_are_released(told):
    async def story(told):
        leases = await told.leases(3)
        await told.record.write(lambda db, now: Jobs(db).cancel(leases[1].job_id, now=now))
        await told.outcomes.lost(leases, LOST)
        return await told.jobs(), told.outcomes.late_reports

    jobs, late_reports = told(story)

    assert [job.state for job in jobs] == [State.QUEUED, State.CANCELLED, State.QUEUED]
    assert late_reports == 1


def test_a_batch_of_one_that_is_lost_counts_as_a_crash(told):
    async def story(told):
        await told.outcomes.lost(await told.leases(1), LOST)
        return await told.jobs()

    (job,) = told(story)

    assert (job.state, job.crashes, job.losses, job.code) == (State.QUEUED, 1, 0, "crash")


def test_a_batch_of_one_that_the_services_own_code_ends_is_a_bug_and_never_poison(told):
    async def story(told):
        for _ in range(BUDGETS.max_errors):
            leases = await told.record.write(
                lambda db, now: Leases(db).lease_next([1], now=now + 1e6, lease_seconds=60)
            )
            await told.outcomes.lost((leases or [await told.leases(1)])[0], TaskRaised("RecursionError: too deep"))
        return await told.jobs()

    (job,) = told(story)

    assert (job.state, job.crashes, job.errors, job.code) == (State.FAILED, 0, BUDGETS.max_errors - 1, "internal")
    assert "RecursionError" not in job.reason


@pytest.mark.parametrize(
    ("error", "seconds"), [(StoreUnavailable("away"), 16), (AccessDenied("no"), 64), (ClockSkew("no"), 64)]
)
def test_what_a_person_has_to_mend_is_tried_more_seldom_than_what_passes_by_itself(told, error, seconds):
    async def story(told):
        [lease] = await told.leases(1)
        await told.outcomes.take_in([Report(replace(lease, errors=1), Failed(error), 0.1)])
        return await told.record.read(lambda db: db.exec_driver_sql("SELECT due_at - created_at FROM jobs").scalar())

    assert told(story) == pytest.approx(seconds, rel=0.15)


@pytest.mark.parametrize("error", [Archived("in a vault"), Encrypted("SSE-C")])
def test_what_only_a_change_of_the_object_can_mend_fails_at_once(told, error):
    async def story(told):
        [lease] = await told.leases(1)
        await told.outcomes.take_in([Report(lease, Failed(error), 0.1)])
        return await told.jobs()

    (job,) = told(story)

    assert (job.state, job.code, job.reason) == (State.FAILED, error.code, error.reason)


def test_a_success_that_meets_a_bug_costs_its_job_alone_an_attempt_and_only_the_log_tells_it(told, monkeypatch, caplog):
    finish = Leases.finish

    def stumble(leases, done, *, now):
        if any(lease.job_id == "job-1" for lease, _ in done):
            raise ValueError("a secret of the inside")
        return finish(leases, done, now=now)

    async def story(told):
        leases = await told.leases(3)
        monkeypatch.setattr(Leases, "finish", stumble)
        await asyncio.wait_for(told.outcomes.take_in([Report(lease, a_success(), 0.1) for lease in leases]), 10)
        return await told.jobs()

    jobs = told(story)

    assert [job.state for job in jobs] == [State.SUCCEEDED, State.QUEUED, State.SUCCEEDED]
    assert (jobs[1].errors, jobs[1].code, "secret" in jobs[1].reason) == (1, "internal", False)
    assert "ValueError: a secret of the inside" in caplog.text
