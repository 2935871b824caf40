"""Which rows queries read. Frequent queries must not take longer the more jobs wait or have ended.

For SQLite the tests read its plan; for PostgreSQL, whose plans follow its statistics, the number of rows read."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from raythumbs.db.backfills import Backfills
from raythumbs.db.fair_order import FairOrder
from raythumbs.db.folders import Folders
from raythumbs.db.found_photos import FoundPhotos
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.known_photos import KnownPhotos
from raythumbs.db.leases import Leases
from raythumbs.db.photos import Photos
from raythumbs.errors import StoreUnavailable
from raythumbs.model.job import Priority, State
from tests.db.conftest import a_request, a_success, migrated, opened
from tests.records import lay_sqlite

EVERY_JOB_OF_A_STATE = "USING INDEX ix_jobs_state (state=?)"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "record.db"
    lay_sqlite(path)
    with closing(opened(f"sqlite:///{path}")) as database:
        yield database


@contextmanager
def many_jobs(postgresql):
    """A PostgreSQL whose statistics have one job, while 2,000 wait and 2,000 run."""
    with migrated(postgresql) as address, closing(opened(address)) as database:
        with database.writing() as connection:
            Intake(connection).enqueue([a_request(0)], now=1.0)
            for table in ("jobs", "photos", "renditions"):
                connection.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
                connection.exec_driver_sql(f"ANALYZE {table}")
        with database.writing() as connection:
            Intake(connection).enqueue([a_request(number) for number in range(1, 4001)], now=1.0)
            Leases(connection).lease_next([2000], now=1.0, lease_seconds=60)
        yield database


@pytest.fixture(scope="module")
def miscounted(postgresql):
    """For tests that write nothing but what `explained` takes back."""
    with many_jobs(postgresql) as database:
        yield database


@pytest.fixture
def own_miscounted(postgresql):
    with many_jobs(postgresql) as database:
        yield database


class TakenBack(Exception):
    """Ends a transaction without a trace."""


def explained(database, asked, how) -> list[list[Any]]:
    """Run the function; return what the database explains about each of its statements on jobs or photos. What they
    write is taken back."""
    said = []
    with suppress(TakenBack), database.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2:4]))
        asked(connection)
        about = [(sql, values) for sql, values in said if "jobs" in sql or "photos" in sql]
        finding = [(sql, values) for sql, values in about if not sql.startswith(("INSERT", "EXPLAIN"))]
        plans = [list(connection.exec_driver_sql(f"{how} {sql}", values).all()) for sql, values in finding]
        raise TakenBack
    return plans


def plans_of(database, asked) -> list[str]:
    """Run the function; return the plan of each statement about jobs."""
    plans = [" / ".join(row.detail for row in plan) for plan in explained(database, asked, "EXPLAIN QUERY PLAN")]
    return [plan for plan in plans if "jobs" in plan]


def rows_looked_at(database, asked) -> list[int]:
    """Run the function, then its statements again; return how many rows the busiest step of each statement read."""
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
def test_repeated_requests_read_only_the_rows_of_their_photos(database, count):
    def again(connection):
        Intake(connection).enqueue([a_request(number) for number in range(count)], now=1.0)
        Intake(connection).enqueue(sources(count), now=2.0)

    plans = [plan for plan in plans_of(database, again) if "ix_jobs_line" not in plan]

    assert len(plans) == 2  # to raise priorities, and to read the jobs
    assert all("uq_jobs_incomplete" in plan for plan in plans), plans


@pytest.mark.parametrize(
    "asked",
    [
        lambda db: Jobs(db).prune((State.SUCCEEDED, State.CANCELLED), before=1.0, limit=5),
        lambda db: Leases(db).renew(
            Leases(db).lease_next([5], now=2.0, lease_seconds=60)[0], now=2.0, lease_seconds=60
        ),
        lambda db: KnownPhotos(db).of_sources(["s3://photos/000001.jpg"]),
        lambda db: Folders(db).get("album"),
        lambda db: FoundPhotos(db).of_source("s3://photos/000001.jpg"),
        lambda db: FoundPhotos(db).of_folder("album", after="photo-000009", limit=5),
        lambda db: [Jobs(db).history(lease.job_id) for batch in leased(db) for lease in batch],
        lambda db: [Leases(db).finish([(one, a_success()) for one in batch], now=2.0) for batch in leased(db)],
    ],
)
def test_no_query_reads_every_job_of_a_state(database, asked):
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
        (lambda db: Backfills(db).low_waiting(shards=1, limit=5), ["ix_jobs_line"]),
        (lambda db: Backfills(db).low_waiting(shards=3, limit=5), ["ix_jobs_line"]),
        (lambda db: FairOrder(db).returned_since(), ["ix_jobs_back"]),
        (lambda db: FairOrder(db).retries_waiting(now=9.0), ["ix_jobs_back"]),
    ],
)
def test_a_place_in_the_fair_order_is_found_by_an_index_alone(database, asked, indexes):
    with database.writing() as connection:
        Intake(connection).enqueue([a_request(number, folder=str(number % 3)) for number in range(20)], now=1.0)
        (lease,) = leased(connection)[0][:1]
        Leases(connection).release(lease, StoreUnavailable("away"), now=2.0, due_at=3.0, counts=())

    plans = plans_of(database, asked)

    for plan in plans:
        assert not re.search("SCAN jobs|TEMP B-TREE|" + re.escape(EVERY_JOB_OF_A_STATE), plan), plan
    assert [index for index in indexes if index not in str(plans)] == []


def test_the_photos_of_a_folder_are_counted_by_indexes_alone(database):
    with database.writing() as connection:
        Intake(connection).enqueue([a_request(number, folder=str(number % 3)) for number in range(20)], now=1.0)
        leased(connection)

    (counts,) = [plan for plan in plans_of(database, lambda db: Folders(db).get("1")) if "ix_photos_folder" in plan]

    for index in (
        "COVERING INDEX ix_photos_folder",
        "COVERING INDEX ix_photos_ended",
        "ix_jobs_folder",
        "ix_jobs_leased",
    ):
        assert index in counts, counts
    assert not re.search("SCAN jobs|SCAN photos|TEMP B-TREE|" + re.escape(EVERY_JOB_OF_A_STATE), counts), counts


def test_a_page_of_a_folder_is_read_in_the_order_of_its_index(database):
    plans = explained(database, lambda db: FoundPhotos(db).of_folder("1", after=None, limit=5), "EXPLAIN QUERY PLAN")

    page = " / ".join(row.detail for row in plans[0])
    assert "USING INDEX ix_photos_folder (folder_id=?)" in page
    assert "SCAN photos" not in page


def test_the_jobs_of_a_deleted_photo_are_found_by_its_index(database):
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
        lambda db: Leases(db).release(leased(db)[0][0], StoreUnavailable("away"), now=2.0, due_at=3.0, counts=()),
        lambda db: Jobs(db).cancel(leased(db)[0][0].job_id, now=2.0),
        lambda db: Intake(db).enqueue([a_request(7000), a_request(3999), a_request(1)], now=2.0),
        lambda db: Intake(db).enqueue([replace(a_request(3999), priority=Priority.HIGH)], now=2.0),
        lambda db: Intake(db).enqueue([replace(a_request(n), version="new") for n in (1, 3999)], now=2.0),
        lambda db: KnownPhotos(db).of_sources(["s3://photos/003999.jpg", "s3://photos/of-nobody.jpg"]),
        lambda db: Leases(db).waiting(now=9.0, limit=5),
        lambda db: FairOrder(db).due_since(),
        lambda db: FoundPhotos(db).of_source("s3://photos/003999.jpg"),
        lambda db: Intake(db).enqueue([replace(a_request(3999), folder_id="late")], now=2.0),
    ],
)
def test_postgresql_with_wrong_statistics_reads_no_more_than_needed(miscounted, asked):
    looked_at = rows_looked_at(miscounted, asked)

    assert looked_at
    assert max(looked_at) <= 100, looked_at  # the head of the order; 2,000 jobs wait


def test_a_comparison_with_a_store_reads_only_the_jobs_of_its_photos(own_miscounted):
    with own_miscounted.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET state = 'failed' WHERE state = 'running'")

    asked = [f"s3://photos/{number:06d}.jpg" for number in range(10)]
    looked_at = rows_looked_at(own_miscounted, lambda db: KnownPhotos(db).of_sources(asked))

    assert max(looked_at) <= 100, looked_at


def test_postgresql_counts_a_small_folder_among_large_ones_without_reading_them(own_miscounted):
    with own_miscounted.writing() as connection:
        Intake(connection).enqueue([a_request(number, folder="large") for number in range(5000, 7000)], now=2.0)
        Intake(connection).enqueue([a_request(number, folder="small") for number in range(7000, 7010)], now=2.0)
        connection.exec_driver_sql("UPDATE photos SET ended = 'failed' WHERE folder_id = 'large'")
        connection.exec_driver_sql("UPDATE jobs SET state = 'failed', lease_until = NULL WHERE state = 'running'")
        connection.exec_driver_sql("ANALYZE jobs, photos")

    counted = rows_looked_at(own_miscounted, lambda db: Folders(db).get("small"))
    paged = rows_looked_at(own_miscounted, lambda db: FoundPhotos(db).of_folder("small", after=None, limit=5))

    assert max(counted) <= 100, counted
    assert max(paged) <= 100, paged
