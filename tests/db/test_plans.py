"""What SQLite goes through to find rows: what the queue asks all day must not take longer the more jobs wait, or have
ended. (PostgreSQL counts its rows, and needs no hints.)"""

import re

import pytest
from sqlalchemy import event

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.line import Line
from raythumbs.db.photos import Photos
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

    plans = [plan for plan in plans_of(database, again) if "ix_jobs_line" not in plan]

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


@pytest.mark.parametrize(
    ("asked", "indexes"),
    [
        (lambda db: Intake(db).enqueue(of_folders(50), now=2.0), ["ix_jobs_line", "ix_jobs_folder"]),
        (lambda db: Line(db).take_back(now=9.0), ["ix_jobs_back", "ix_jobs_line"]),
        (lambda db: [Line(db).first(5, of=priority) for priority in Priority], ["ix_jobs_line"]),
        (lambda db: Jobs(db).waiting(now=9.0, limit=5), ["ix_jobs_line", "ix_jobs_back"]),
        (lambda db: Line(db).due_since(), ["ix_jobs_line"]),
        (lambda db: Line(db).back_since(), ["ix_jobs_back"]),
    ],
)
def test_a_place_in_the_line_is_found_by_an_index_alone(database, asked, indexes):
    with database.writing() as connection:
        Intake(connection).enqueue([a_request(number, folder=str(number % 3)) for number in range(20)], now=1.0)
        (lease,) = leased(connection)[0][:1]
        Jobs(connection).release(lease, StoreUnavailable("away"), due_at=3.0, counts=())

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
    return Jobs(connection).lease_next([5, 5], now=2.0, lease_seconds=60)
