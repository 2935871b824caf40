"""What is old and done is forgotten as fast as it comes, and whoever else writes does not wait for it."""

import asyncio

import pytest

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.record import Record
from raythumbs.model.job import JobRequest, Priority, Removal
from raythumbs.model.selection import Selection
from raythumbs.queue.janitor import Janitor
from tests.records import lay_sqlite

LONG_AGO = 1.0


@pytest.fixture
def record(tmp_path):
    lay_sqlite(tmp_path / "record.db")
    database = Database(f"sqlite:///{tmp_path}/record.db")
    database.open()
    record = Record(database)
    yield record
    record.close()


def old_and_done(db, number):
    """A photo that was deleted long ago, its cancelled job, and the ids of two events."""
    source = f"s3://photos/{number}.jpg"
    upload = JobRequest(
        job_id=f"job-{number}", photo_id=f"photo-{number}", source=source, priority=Priority.LOW, event_id=f"a{number}"
    )
    Intake(db).enqueue([upload], now=LONG_AGO)
    Intake(db).enqueue([Removal(photo_id="new", source=source, event_id=f"b{number}")], now=LONG_AGO)


def test_an_iteration_deletes_all_that_is_old_in_small_commits(record, configured):
    async def run():
        await record.write(lambda db, _now: [old_and_done(db, number) for number in range(7)])
        before = record.commits
        await Janitor(record, configured(), rows_a_write=3).run_once()
        left = [f"SELECT count(*) FROM {table}" for table in ("jobs", "events", "photos")]
        counts = [await record.read(lambda db, sql=sql: db.exec_driver_sql(sql).scalar_one()) for sql in left]
        return counts, record.commits - before

    counts, commits = asyncio.run(run())

    assert counts == [0, 0, 0]
    assert commits == 3 + 1 + 5 + 3  # of 7 jobs, none that failed, 14 events, 7 photos


def test_others_write_between_the_pages(record, configured):
    left = []

    async def run():
        await record.write(lambda db, _now: [old_and_done(db, number) for number in range(7)])
        async with asyncio.TaskGroup() as tasks:
            iteration = tasks.create_task(Janitor(record, configured(), rows_a_write=1).run_once())
            while not iteration.done():
                left.append(await record.write(lambda db, _now: len(Jobs(db).list(Selection(), after=None, limit=9))))

    asyncio.run(run())

    assert set(left) - {7, 0}
