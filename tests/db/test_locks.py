"""Verbs of two queues that change one photo and its job at one moment, on a real PostgreSQL."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from sqlalchemy import event, text

from raythumbs.db.bulk import Bulk
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.leases import Leases
from raythumbs.db.record import Record
from raythumbs.errors import IllegalMove, NoSuchObject, StaleLease, StoreUnavailable
from raythumbs.model.job import State
from tests.db.conftest import Verbs, a_removal, a_request, a_success, opened, with_driver
from tests.db.emptied import emptied

MEETING_SECONDS = 0.3


@pytest.fixture
def url(postgresql):
    with emptied(postgresql) as address:
        yield with_driver(address)


def leased(record):
    record.enqueue(a_request(1, version="v1"))
    return record.lease()[0]


def failed(record):
    record.fail(leased(record), NoSuchObject("gone"))


def removal(db):
    Intake(db).enqueue([a_removal(1)], now=5.0)


def submission(db):
    Intake(db).enqueue([a_request(2, source="s3://photos/000001.jpg", version="v2")], now=5.0)


@pytest.mark.parametrize("other", [removal, submission])
@pytest.mark.parametrize(
    ("before", "verb"),
    [
        (leased, lambda db, _: Jobs(db).cancel("job-000001", now=6.0)),
        (leased, lambda db, _: Bulk(db).cancel(["job-000001"], now=6.0)),
        (failed, lambda db, _: Jobs(db).retry("job-000001", now=6.0)),
        (failed, lambda db, _: Bulk(db).retry(["job-000001"], now=6.0)),
        (leased, lambda db, lease: Leases(db).finish([(lease, a_success())], now=6.0)),
        (leased, lambda db, lease: Leases(db).fail(lease, StoreUnavailable("away"), now=6.0)),
        (leased, lambda db, lease: Leases(db).miss(lease, NoSuchObject("gone"), now=6.0)),
    ],
    ids=["cancel", "cancel in bulk", "retry", "retry in bulk", "finish", "fail", "miss"],
)
def test_two_queues_that_change_one_photo_never_wait_for_one_another(url, clock, before, verb, other):
    with closing(opened(url)) as database, closing(opened(url)) as another:
        given = before(Verbs(database, clock))
        meeting = threading.Barrier(2)

        def run(database, change):
            with database.writing() as connection:
                meet_after_first_lock(connection, meeting)
                with suppress(IllegalMove, StaleLease):  # the other one was first
                    change(connection)

        with ThreadPoolExecutor(2) as threads:
            both = [threads.submit(run, database, lambda db: verb(db, given)), threads.submit(run, another, other)]
            errors = [one.exception() for one in both]

    assert errors == [None, None]


def meet_after_first_lock(connection, meeting):
    """Let this transaction wait for the other one once it has locked its first row. The other may wait for that row."""

    @event.listens_for(connection, "after_cursor_execute")
    def _meet(_connection, _cursor, sql, *_rest):
        if sql.startswith(("UPDATE", "INSERT INTO photos", "INSERT INTO jobs")) or "FOR NO KEY UPDATE" in sql:
            with suppress(threading.BrokenBarrierError):
                meeting.wait(MEETING_SECONDS)
            meeting.abort()


def test_writes_that_postgresql_undoes_because_of_a_deadlock_are_repeated(url, clock):
    lock = text("SELECT id FROM photos WHERE id = :id FOR UPDATE")
    met, attempts = threading.Barrier(2), []

    def crosses(db, _now):
        attempts.append(1)
        db.execute(lock, {"id": "photo-000001"})
        if len(attempts) == 1:
            met.wait(10)
        db.execute(lock, {"id": "photo-000002"})
        return "done"

    def other():
        with closing(opened(url)) as another, another.writing() as db:
            db.execute(text("SET LOCAL deadlock_timeout = '30s'"))  # so that it is not this one that is undone
            db.execute(lock, {"id": "photo-000002"})
            met.wait(10)
            db.execute(lock, {"id": "photo-000001"})

    async def run(database):
        with closing(Record(database)) as record:
            return await asyncio.gather(record.write(crosses), asyncio.to_thread(other))

    with closing(opened(url)) as database:
        Verbs(database, clock).enqueue(a_request(1), a_request(2))

    answer, _ = asyncio.run(run(opened(url)))

    assert answer == "done"
    assert len(attempts) > 1


def test_a_retried_job_and_a_new_one_of_its_photo_never_both_wait(url, clock):
    with closing(opened(url)) as database:
        record = Verbs(database, clock)
        failed(record)
        record.enqueue(a_request(2, source="s3://photos/000001.jpg"))

        with database.writing() as db:
            changed = Bulk(db).retry(["job-000001"], now=9.0)

        assert (changed, record.job("job-000001").state) == (0, State.FAILED)
