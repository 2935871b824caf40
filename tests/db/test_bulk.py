"""Moves of many jobs at once, and failures by code, on both databases."""

import time

import pytest
from sqlalchemy import text

from raythumbs.db.bulk import Bulk
from raythumbs.db.failures import failures
from raythumbs.db.jobs import Jobs
from raythumbs.errors import NoSuchObject, NotAnImage, StoreUnavailable
from raythumbs.model.job import State
from raythumbs.model.selection import Selection
from tests.db.conftest import a_request

EVER = 1e12


def failed_jobs(record, error, *numbers, folder=None):
    record.enqueue(*(a_request(number, folder=folder) for number in numbers))
    for lease in record.lease(len(numbers)):
        record.fail(lease, error)


@pytest.fixture
def some(record):
    failed_jobs(record, NotAnImage("words"), 1, 2, folder="album")
    failed_jobs(record, NotAnImage("numbers"), 3, folder="other")
    failed_jobs(record, NoSuchObject("gone"), 4, folder="album")
    return record


SELECTIONS = [
    (Selection(code="not_an_image"), {1, 2, 3}),
    (Selection(folder_id="album"), {1, 2, 4}),
    (Selection(code="not_an_image", folder_id="album"), {1, 2}),
    (Selection(state=State.FAILED), {1, 2, 3, 4}),
    (Selection(ids=("job-000001", "job-000004", "job-9")), {1, 4}),
    (Selection(ids=("job-000001", "job-000004"), code="not_an_image"), {1}),
    (Selection(code="no_such_code"), set()),
    (Selection(state=State.QUEUED), set()),
]


def test_failed_jobs_are_found_by_every_condition_that_is_given(database, some):
    for selection, numbers in SELECTIONS:
        with database.reading() as db:
            ids = Bulk(db).failed(selection, until=EVER, limit=10)

        assert {int(one.removeprefix("job-")) for one in ids} == numbers, selection


def test_jobs_that_are_retried_in_bulk_wait_with_all_their_budgets(database, some, clock):
    with database.writing() as db:
        changed = Bulk(db).retry(["job-000001", "job-000004"], now=clock.now)

    jobs = [some.job(f"job-{number:06d}") for number in (1, 4)]
    assert changed == 2
    assert [(job.state, job.code, job.errors) for job in jobs] == [(State.QUEUED, None, 0)] * 2
    assert (some.folder("album").waiting, some.folder("album").failed) == (2, 1)
    assert len(some.lease(5)) == 2


def test_a_job_that_moved_between_search_and_retry_is_left_alone(database, some, clock):
    some.retry("job-000001")
    (lease,) = some.lease(1)

    with database.writing() as db:
        changed = Bulk(db).retry(["job-000001", "job-000002"], now=clock.now)

    assert changed == 1
    assert (some.job("job-000001").state, some.job("job-000001").attempt) == (State.RUNNING, lease.attempt)


def test_of_a_photo_that_failed_twice_only_the_newest_job_is_retried(database, some):
    some.enqueue(a_request(11, source="s3://photos/000001.jpg"))
    some.fail(some.lease(1)[0], NotAnImage("again"))

    with database.reading() as db:
        ids = Bulk(db).failed(Selection(code="not_an_image"), until=EVER, limit=10)

    assert "job-000011" in ids
    assert "job-000001" not in ids


def test_a_photo_that_waits_already_is_not_retried(database, some):
    some.enqueue(a_request(11, source="s3://photos/000001.jpg"))

    with database.reading() as db:
        ids = Bulk(db).failed(Selection(code="not_an_image"), until=EVER, limit=10)

    assert "job-000001" not in ids


def test_what_failed_after_the_first_request_is_not_retried_by_the_next(database, some, clock):
    first = clock.now
    clock.now += 10
    some.retry("job-000001")
    some.fail(some.lease(1)[0], NotAnImage("still words"))

    with database.reading() as db:
        ids = Bulk(db).failed(Selection(code="not_an_image"), until=first, limit=10)

    assert ids == ["job-000002", "job-000003"]


def test_waiting_and_running_jobs_of_a_folder_are_cancelled_in_bulk(database, record, clock):
    record.enqueue(*(a_request(number, folder="album") for number in range(3)), a_request(9, folder="other"))
    record.lease(1)

    with database.writing() as db:
        bulk = Bulk(db)
        ids = bulk.unfinished(Selection(folder_id="album"), until=EVER, limit=10)
        changed = bulk.cancel(ids, now=clock.now)

    assert changed == 3
    assert {record.job(one).state for one in ids} == {State.CANCELLED}
    assert (record.folder("album").cancelled, record.folder("album").waiting) == (3, 0)
    assert record.job("job-000009").state is State.QUEUED


def test_failures_are_counted_by_code_with_the_newest_reason(database, some):
    with database.reading() as db:
        found = failures(db)

    assert [(one.code, one.count, one.reason) for one in found.groups] == [
        ("no_such_object", 1, "gone"), ("not_an_image", 3, "numbers"),
    ]  # fmt: skip
    assert not found.more


def test_more_failures_than_are_counted_are_admitted(database, some):
    with database.reading() as db:
        few, one_code = failures(db, most=2), failures(db, codes=1)

    assert [one.count for one in few.groups] == [1, 2]
    assert few.more
    assert ([one.code for one in one_code.groups], one_code.more) == (["no_such_object"], True)


def test_jobs_that_wait_for_another_try_are_no_failures_and_are_counted_with_the_reason(database, record):
    record.enqueue(a_request(1), a_request(2), a_request(3))
    for lease, reason in zip(record.lease(2), ("away", "still away"), strict=True):
        record.release(lease, StoreUnavailable(reason), counts=("errors",))

    with database.reading() as db:
        found = failures(db)

    assert found.groups == ()
    assert [(one.code, one.count, one.reason) for one in found.retries] == [("store_unavailable", 2, "still away")]
    assert not found.more


PAGES = [
    ({"code": "not_an_image"}, [3, 2, 1]),
    ({"folder_id": "album"}, [5, 4, 2, 1]),
    ({"folder_id": "album", "state": State.QUEUED}, [5]),
    ({"folder_id": "album", "code": "no_such_object", "state": State.FAILED}, [4]),
]


def test_pages_of_jobs_are_narrowed_by_code_and_folder(some):
    some.enqueue(a_request(5, folder="album"))

    for of, numbers in PAGES:
        whole = some.page(**of)
        first = some.page(**of, limit=1)
        rest = some.page(**of, after=first[-1].id)

        assert [int(job.id.removeprefix("job-")) for job in whole] == numbers, of
        assert [*first, *rest] == whole, of


MANY = 100_000


def large_requests(db, failed_ids):
    """Return what is asked of many failed jobs, by name. `failed_ids` are retried."""
    return {
        "failures": lambda: failures(db),
        "one folder": lambda: Bulk(db).failed(Selection(folder_id="small"), until=EVER, limit=1001),
        "one code": lambda: Bulk(db).failed(Selection(code="rare"), until=EVER, limit=1001),
        "both": lambda: Bulk(db).failed(Selection(code="rare", folder_id="large"), until=EVER, limit=1001),
        "a thousand": lambda: Bulk(db).failed(Selection(code="common"), until=EVER, limit=1001),
        "page of a code": lambda: Jobs(db).list(Selection(code="common"), after=None, limit=100),
        "page of a folder": lambda: Jobs(db).list(Selection(folder_id="large"), after=None, limit=100),
        "retry": lambda: Bulk(db).retry(failed_ids, now=9.0),
    }


@pytest.mark.needs("time")
def test_among_a_hundred_thousand_failed_jobs_each_request_takes_a_moment(database, record):
    fill(database)

    spent = {}
    for first in (0, 250, 500):  # three times: other programs may need the processor or the disk meanwhile
        with database.writing() as db:
            for name, ask in large_requests(db, [f"job-{n:06d}" for n in range(first, first + 250)]).items():
                start = time.perf_counter()
                ask()
                spent[name] = min(spent.get(name, EVER), round(time.perf_counter() - start, 4))

    print(spent)
    assert max(spent.values()) < 1, spent


# To take in so many jobs, one after the other, takes much longer.
NUMBERS = f"WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY - 1})"
DIGITS = "substr(CAST(1000000 + n AS VARCHAR), 2)"
PHOTOS = f"""
    INSERT INTO photos (id, source, folder_id, created_at)
    {NUMBERS} SELECT 'photo-' || {DIGITS}, 's3://photos/' || {DIGITS} || '.jpg', 'large', 1 FROM numbers
"""
JOBS = f"""
    INSERT INTO jobs (id, photo_id, folder_id, state, priority, code, reason, created_at, due_at, finished_at)
    {NUMBERS}
    SELECT 'job-' || {DIGITS}, 'photo-' || {DIGITS}, CASE WHEN n IN (500, 501) THEN 'small' ELSE 'large' END,
    'failed', 1, CASE WHEN n >= {MANY - 10} THEN 'rare' ELSE 'common' END, 'r', 1, 1, 2 FROM numbers
"""


def fill(database):
    with database.writing() as db:
        if db.dialect.name == "postgresql":
            db.execute(text("SET LOCAL statement_timeout = 0"))
        db.execute(text(PHOTOS))
        db.execute(text(JOBS))
