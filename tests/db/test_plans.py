"""What databases go through to find rows: what the queue asks all day must not take longer the more jobs wait, or have
ended. SQLite tells its plan; PostgreSQL, which plans by what it has counted, tells how many rows it looked at."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from raythumbs.db.database import Database
from raythumbs.db.fair_order import FairOrder
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.leases import Leases
from raythumbs.db.photos import Photos
from raythumbs.db.reconciliation import Reconciliations
from raythumbs.errors import StoreUnavailable
from raythumbs.model.job import Priority, State
from tests.db.conftest import a_request, a_success

EVERY_JOB_OF_A_STATE = "USING INDEX ix_jobs_state (state=?)"


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/record.db")
    database.open()
    yield database
    database.close()


@pytest.fixture
def miscounted(postgresql_url):
    """A PostgreSQL that has counted one job, and has not noticed that 2,000 more wait and 2,000 run."""
    database = Database(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    database.open()
    with database.writing() as connection:
        Intake(connection).enqueue([a_request(0)], now=1.0)
        for table in ("jobs", "photos", "renditions"):
            connection.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            connection.exec_driver_sql(f"ANALYZE {table}")
    with database.writing() as connection:
        Intake(connection).enqueue([a_request(number) for number in range(1, 4001)], now=1.0)
        Leases(connection).lease_next([2000], now=1.0, lease_seconds=60)
    yield database
    database.close()


def explained(database, asked, how) -> list[list[Any]]:
    """Do what is asked; return what each statement about jobs or photos is explained with."""
    said = []
    with database.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *told: said.append(told[2:4]))
        asked(connection)
        about = [(sql, values) for sql, values in said if "jobs" in sql or "photos" in sql]
        finding = [(sql, values) for sql, values in about if not sql.startswith(("INSERT", "EXPLAIN"))]
        return [list(connection.exec_driver_sql(f"{how} {sql}", values).all()) for sql, values in finding]


def plans_of(database, asked) -> list[str]:
    """Do what is asked; return the plan of each statement about jobs."""
    plans = [" / ".join(row.detail for row in plan) for plan in explained(database, asked, "EXPLAIN QUERY PLAN")]
    return [plan for plan in plans if "jobs" in plan]


def rows_looked_at(database, asked) -> list[int]:
    """Do what is asked; return how many rows the busiest step of each statement looked at, when it is done again."""
    plans = explained(database, asked, "EXPLAIN (ANALYZE, FORMAT JSON)")
    return [max(map(_rows_of, _steps(plan[0][0][0]["Plan"]))) for plan in plans]


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for step in plan.get("Plans", ()):
        yield from _steps(step)


def _rows_of(step: dict[str, Any]) -> int:
    return step["Actual Loops"] * (step["Actual Rows"] + step.get("Rows Removed by Filter", 0))


def sources(count):
    return [a_request(1000 + number, source=f"s3://photos/{number:06d}.jpg") for number in range(count)]


@pytest.mark.parametrize("count", [1, 30, 1000])
def test_photos_that_are_asked_for_again_are_found_by_themselves(database, count):
    def again(connection):
        Intake(connection).enqueue([a_request(number) for number in range(count)], now=1.0)
        Intake(connection).enqueue(sources(count), now=2.0)

    plans = [plan for plan in plans_of(database, again) if "ix_jobs_line" not in plan]

    assert len(plans) == 2  # to hasten, and to read what is there
    assert all("uq_jobs_incomplete" in plan for plan in plans), plans


@pytest.mark.parametrize(
    "asked",
    [
        lambda db: Jobs(db).prune((State.SUCCEEDED, State.CANCELLED), before=1.0, limit=5),
        lambda db: Leases(db).renew(
            Leases(db).lease_next([5], now=2.0, lease_seconds=60)[0], now=2.0, lease_seconds=60
        ),
        lambda db: Reconciliations(db).known(["s3://photos/000001.jpg"]),
        lambda db: [Leases(db).finish([(one, a_success()) for one in batch], now=2.0) for batch in leased(db)],
    ],
)
def test_no_turn_goes_through_every_job_of_a_state(database, asked):
    with database.writing() as connection:
        Intake(connection).enqueue([a_request(number) for number in range(20)], now=1.0)

    plans = plans_of(database, asked)

    assert plans
    assert not [plan for plan in plans if EVERY_JOB_OF_A_STATE in plan], plans


@pytest.mark.parametrize(
    ("asked", "indexes"),
    [
        (lambda db: Intake(db).enqueue(of_folders(50), now=2.0), ["ix_jobs_line", "ix_jobs_folder"]),
        (lambda db: FairOrder(db).admit_returned(now=9.0), ["ix_jobs_back", "ix_jobs_line"]),
        (lambda db: [FairOrder(db).first(5, of=priority) for priority in Priority], ["ix_jobs_line"]),
        (lambda db: Leases(db).waiting(now=9.0, limit=5), ["ix_jobs_line", "ix_jobs_back"]),
        (lambda db: FairOrder(db).due_since(), ["ix_jobs_line"]),
        (lambda db: FairOrder(db).returned_since(), ["ix_jobs_back"]),
        (lambda db: FairOrder(db).retries_waiting(now=9.0), ["ix_jobs_back"]),
    ],
)
def test_a_place_in_the_line_is_found_by_an_index_alone(database, asked, indexes):
    with database.writing() as connection:
        Intake(connection).enqueue([a_request(number, folder=str(number % 3)) for number in range(20)], now=1.0)
        (lease,) = leased(connection)[0][:1]
        Leases(connection).release(lease, StoreUnavailable("away"), due_at=3.0, counts=())

    plans = plans_of(database, asked)

    for plan in plans:
        assert not re.search("SCAN jobs|TEMP B-TREE|" + re.escape(EVERY_JOB_OF_A_STATE), plan), plan
    assert [index for index in indexes if index not in str(plans)] == []


def test_the_jobs_of_a_photo_that_was_deleted_are_found_by_it(database):
    plans = plans_of(database, lambda db: Photos(db).forget_deleted(before=1.0, limit=10))

    assert "jobs USING INDEX ix_jobs_photo_id (photo_id=?)" in plans[0]


def of_folders(count):
    return [a_request(1000 + number, folder=f"folder {number}") for number in range(count)]


def leased(connection):
    return Leases(connection).lease_next([5, 5], now=2.0, lease_seconds=60)


@pytest.mark.parametrize(
    "asked",
    [
        lambda db: Leases(db).lease_next([5, 5], now=2.0, lease_seconds=60),
        lambda db: Leases(db).lease_more(5, now=2.0, lease_seconds=60),
        lambda db: Leases(db).renew(leased(db)[0], now=2.0, lease_seconds=60),
        lambda db: [Leases(db).finish([(one, a_success()) for one in batch], now=2.0) for batch in leased(db)],
        lambda db: Leases(db).release(leased(db)[0][0], StoreUnavailable("away"), due_at=3.0, counts=()),
        lambda db: Jobs(db).cancel(leased(db)[0][0].job_id, now=2.0),
        lambda db: Intake(db).enqueue([a_request(7000), a_request(3999), a_request(1)], now=2.0),
        lambda db: Intake(db).enqueue([replace(a_request(3999), priority=Priority.HIGH)], now=2.0),
        lambda db: Intake(db).enqueue([replace(a_request(n), version="new") for n in (1, 3999)], now=2.0),
        lambda db: Reconciliations(db).known(["s3://photos/003999.jpg", "s3://photos/of-nobody.jpg"]),
        lambda db: Leases(db).waiting(now=9.0, limit=5),
        lambda db: FairOrder(db).due_since(),
    ],
)
def test_a_postgresql_that_has_counted_wrong_looks_at_no_more_than_is_asked_for(miscounted, asked):
    looked_at = rows_looked_at(miscounted, asked)

    assert looked_at
    assert max(looked_at) <= 100, looked_at  # what a line's head is looked at for; all that waits are 2,000


def test_of_photos_that_are_compared_with_a_store_the_jobs_are_looked_at_and_no_others_of_their_states(miscounted):
    with miscounted.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET state = 'failed' WHERE state = 'running'")

    asked = [f"s3://photos/{number:06d}.jpg" for number in range(10)]
    looked_at = rows_looked_at(miscounted, lambda db: Reconciliations(db).known(asked))

    assert max(looked_at) <= 100, looked_at
