"""What SQLite goes through to find rows: what the queue asks all day must not take longer the more jobs wait, or have
ended. (PostgreSQL counts its rows, and needs no hints.)"""

import pytest
from sqlalchemy import event

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.model.job import State
from tests.db.conftest import a_request, a_success

EVERY_JOB_OF_A_STATE = "USING INDEX ix_jobs_state (state=?)"


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/record.db")
    database.open()
    yield database
    database.close()


def plans_of(database, asked) -> list[str]:
    """Do what is asked; return the plan of each statement about jobs."""
    said = []
    with database.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *told: said.append(told[2:4]))
        asked(connection)
        about_jobs = [(sql, values) for sql, values in said if "jobs" in sql and not sql.startswith("INSERT")]
        told = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all() for sql, values in about_jobs]
    return [" / ".join(row.detail for row in plan) for plan in told]


def sources(count):
    return [a_request(1000 + number, source=f"s3://photos/{number:06d}.jpg") for number in range(count)]


@pytest.mark.parametrize("count", [1, 30, 1000])
def test_photos_that_are_asked_for_again_are_found_by_themselves(database, count):
    def again(connection):
        Intake(connection).enqueue([a_request(number) for number in range(count)], now=1.0)
        Intake(connection).enqueue(sources(count), now=2.0)

    plans = plans_of(database, again)

    assert len(plans) == 2  # to hasten, and to read what is there
    assert all("uq_jobs_incomplete" in plan for plan in plans), plans


@pytest.mark.parametrize(
    "asked",
    [
        lambda db: Jobs(db).prune((State.SUCCEEDED, State.CANCELLED), before=1.0),
        lambda db: Jobs(db).renew(Jobs(db).lease_next([5], now=2.0, lease_seconds=60)[0], now=2.0, lease_seconds=60),
        lambda db: [Jobs(db).finish([(one, a_success()) for one in batch], now=2.0) for batch in leased(db)],
    ],
)
def test_no_turn_goes_through_every_job_of_a_state(database, asked):
    with database.writing() as connection:
        Intake(connection).enqueue([a_request(number) for number in range(20)], now=1.0)

    plans = plans_of(database, asked)

    assert plans
    assert not [plan for plan in plans if EVERY_JOB_OF_A_STATE in plan], plans


def leased(connection):
    return Jobs(connection).lease_next([5, 5], now=2.0, lease_seconds=60)
