"""The attempts of a job one by one: what is kept of each, and for how long."""

import re
from collections.abc import Sequence

import pytest
from sqlalchemy import create_engine, event, text

from raythumbs.db.database import Database
from raythumbs.db.jobs import Jobs
from raythumbs.db.leases import Leases
from raythumbs.db.migrating import migrate
from raythumbs.errors import Crashed, NoSuchObject, NotAnImage, StoreUnavailable
from raythumbs.model.attempt import KEPT_ATTEMPTS, Attempt, AttemptOutcome
from raythumbs.model.job import Priority, State
from tests.db.conftest import a_request, a_success

AWAY = StoreUnavailable("the store is away")


@pytest.fixture
def attempts(record):
    """Return the attempts of a job."""
    return lambda job_id="job-000001": record.attempts(job_id)


@pytest.fixture
def lease_on(database, clock):
    """Lease a job for each of these nodes."""

    def lease(*nodes: str):
        with database.writing() as connection:
            sizes = [1] * len(nodes)
            batches = Leases(connection).lease_next(sizes, now=clock.now, lease_seconds=60, nodes=nodes)
        return [one for batch in batches for one in batch]

    return lease


def numbers_and_outcomes(attempts: Sequence[Attempt]) -> list[tuple[int, AttemptOutcome | None]]:
    return [(one.number, one.outcome) for one in attempts]


def test_each_attempt_has_its_times_its_node_and_what_went_wrong(record, clock, attempts, lease_on):
    record.enqueue(a_request(1))
    began = clock.now

    [first] = lease_on("10.0.0.7")
    clock.advance(seconds=2)
    record.release(first, AWAY, after=5, counts=["errors"])
    clock.advance(seconds=5)
    [second] = lease_on("10.0.0.8")
    clock.advance(seconds=1)
    record.finish(second, a_success())

    assert attempts() == (
        Attempt(number=1, node="10.0.0.7", began_at=began, ended_at=began + 2, outcome=AttemptOutcome.FAILED,
                code="store_unavailable", reason="the store is away"),
        Attempt(number=2, node="10.0.0.8", began_at=began + 7, ended_at=began + 8, outcome=AttemptOutcome.SUCCEEDED,
                code=None, reason=None),
    )  # fmt: skip


def test_a_job_that_nobody_tried_has_no_attempts(record, attempts):
    record.enqueue(a_request(1))

    assert attempts() == ()


def test_the_attempt_that_runs_has_no_end_yet(record, attempts, lease_on):
    record.enqueue(a_request(1))

    lease_on("10.0.0.7")

    [running] = attempts()
    assert (running.node, running.outcome, running.ended_at) == ("10.0.0.7", None, None)


@pytest.mark.parametrize(
    ("end", "outcome", "code"),
    [
        (lambda record, lease: record.fail(lease, NotAnImage("words")), AttemptOutcome.FAILED, "not_an_image"),
        (lambda record, lease: record.miss(lease, NoSuchObject("gone")), AttemptOutcome.FAILED, "no_such_object"),
        (lambda record, lease: record.cancel(lease.job_id), AttemptOutcome.CANCELLED, "cancelled"),
        (lambda record, _lease: record.readopt(), AttemptOutcome.LOST, None),
    ],
)
def test_an_attempt_says_how_it_ended(record, attempts, end, outcome, code):
    record.enqueue(a_request(1))
    [lease] = record.lease()

    end(record, lease)

    [only] = attempts()
    assert (only.outcome, only.code) == (outcome, code)
    assert only.reason


def test_an_attempt_whose_lease_ran_out_is_lost(record, clock, attempts):
    record.enqueue(a_request(1))
    record.lease(seconds=60)

    clock.advance(seconds=61)
    record.rescue()

    [lost] = attempts()
    assert (lost.outcome, lost.ended_at, lost.reason) == (AttemptOutcome.LOST, clock.now, "its lease ran out")


def test_the_leases_of_a_lost_batch_are_lost_and_one_that_was_overtaken_is_not_noted_twice(
    record, database, clock, attempts
):
    record.enqueue(a_request(1), a_request(2))
    [overtaken, held] = record.lease(2)
    record.release(overtaken, AWAY)

    with database.writing() as connection:
        stale = Leases(connection).release_all([overtaken, held], Crashed("lost"), now=clock.now, counts=["losses"])

    assert stale == [overtaken]
    assert numbers_and_outcomes(attempts("job-000001")) == [(1, AttemptOutcome.FAILED)]
    assert numbers_and_outcomes(attempts("job-000002")) == [(1, AttemptOutcome.LOST)]


def test_a_retry_by_a_person_keeps_the_attempts_before_it(record, attempts):
    record.enqueue(a_request(1))
    record.fail(*record.lease(), NotAnImage("words"))

    record.retry("job-000001")
    queued = attempts()
    record.finish(*record.lease(), a_success())

    assert numbers_and_outcomes(queued) == [(1, AttemptOutcome.FAILED)]
    assert numbers_and_outcomes(attempts()) == [(1, AttemptOutcome.FAILED), (2, AttemptOutcome.SUCCEEDED)]


def test_a_job_that_is_cancelled_while_it_waits_has_no_more_attempts_than_before(record, attempts):
    record.enqueue(a_request(1))
    record.release(*record.lease(), AWAY)

    record.cancel("job-000001")

    assert numbers_and_outcomes(attempts()) == [(1, AttemptOutcome.FAILED)]


def test_only_the_newest_attempts_are_kept(record, attempts):
    record.enqueue(a_request(1))

    for _ in range(KEPT_ATTEMPTS + 3):
        record.release(*record.lease(), AWAY)

    assert [one.number for one in attempts()] == list(range(4, KEPT_ATTEMPTS + 4))


def test_attempts_go_with_their_job(record, database, clock):
    record.enqueue(a_request(1), a_request(2))
    [first, second] = record.lease(2)
    record.fail(first, NotAnImage("words"))
    record.release(second, AWAY)

    record.prune(State.FAILED, before=clock.now + 1)

    with database.reading() as connection:
        assert list(connection.execute(text("SELECT job_id FROM attempts")).scalars()) == ["job-000002"]


def test_a_large_photo_that_begins_on_another_node_has_that_node(record, database, attempts, lease_on):
    record.enqueue(a_request(1))
    [lease] = lease_on("10.0.0.7")

    with database.writing() as connection:
        Leases(connection).move({lease: "10.0.0.9"})

    assert attempts()[0].node == "10.0.0.9"


def test_leases_that_join_batches_have_the_nodes_of_these(record, database, clock):
    record.enqueue(*(a_request(number) for number in range(1, 4)))

    with database.writing() as connection:
        nodes = ("10.0.0.7", "10.0.0.8", "10.0.0.7")
        joined = Leases(connection).lease_more(3, now=clock.now, lease_seconds=60, nodes=nodes)

    assert [lease.node for lease in joined] == list(nodes)


def test_a_photo_that_succeeds_at_once_costs_no_statement_for_its_attempts(record, database, clock):
    record.enqueue(*(a_request(number) for number in range(1, 4)))
    said: list[str] = []

    with database.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
        held = Leases(connection)
        leased = held.lease_next([3], now=clock.now, lease_seconds=60, nodes=["10.0.0.7"], priorities=list(Priority))
        held.renew(leased[0], now=clock.now, lease_seconds=60)
        held.rescue(now=clock.now)
        held.finish([(lease, a_success(lease.job_id)) for lease in leased[0]], now=clock.now)
        history = Jobs(connection).history("job-000001")

    assert [sql for sql in said if re.search(r"\battempts\b", sql)] == []
    assert numbers_and_outcomes(history.attempts) == [(1, AttemptOutcome.SUCCEEDED)]
    assert len([sql for sql in said if sql.startswith("UPDATE jobs SET") and "attempt + " in sql]) == 1


def test_of_jobs_of_an_older_record_the_last_attempt_is_known(empty_url):
    engine = create_engine(empty_url)
    with engine.begin() as connection:
        migrate(connection, "0011")
        for job_id, state, attempt, code in (
            ("waits", "queued", 2, "store_unavailable"), ("lost", "queued", 1, None), ("new", "queued", 0, None),
            ("failed", "failed", 3, "not_an_image"), ("done", "succeeded", 1, None),
        ):  # fmt: skip
            connection.execute(text(f"INSERT INTO photos (id, source, created_at) VALUES ('{job_id}', '{job_id}', 1)"))
            values = {"id": job_id, "state": state, "attempt": attempt, "code": code}
            columns = "id, photo_id, state, priority, attempt, code, created_at, due_at, started_at"
            rows = "(:id, :id, :state, 1, :attempt, :code, 1, 1, 2)"
            connection.execute(text(f"INSERT INTO jobs ({columns}) VALUES {rows}"), values)
    engine.dispose()

    database = Database(empty_url)
    database.open()

    with database.reading() as connection:
        known = {id_: Jobs(connection).history(id_).attempts for id_ in ("waits", "lost", "new", "failed", "done")}
    database.close()
    assert {id_: numbers_and_outcomes(attempts) for id_, attempts in known.items()} == {
        "waits": [(2, AttemptOutcome.FAILED)],
        "lost": [(1, AttemptOutcome.LOST)],
        "new": [],
        "failed": [(3, AttemptOutcome.FAILED)],
        "done": [(1, AttemptOutcome.SUCCEEDED)],
    }


def test_a_reason_that_postgresql_cannot_hold_is_kept_without_its_nul(record, attempts):
    record.enqueue(a_request(1))

    record.release(*record.lease(), StoreUnavailable("no\0body"))

    assert attempts()[0].reason == "nobody"
