"""A webhook is written with the end of the job that it reports, or neither is."""

import json
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest
from sqlalchemy import event, text

from raythumbs.db.database import Database
from raythumbs.db.deliveries import Deliveries
from raythumbs.db.leases import Leases
from raythumbs.db.old_deliveries import OldDeliveries, recipients
from raythumbs.errors import NoSuchObject, NotAnImage, StaleLease, StoreUnavailable
from raythumbs.model.webhook import WebhookEndpoint, WebhookEvent, Webhooks
from tests.db.conftest import Verbs, a_removal, a_request, a_success

ALL = WebhookEndpoint(url="https://app.example.com/all")
FOLDERS = WebhookEndpoint(url="https://app.example.com/folders", events=(WebhookEvent.FOLDER_DONE,))


@pytest.fixture
def database(url):
    database = Database(url, webhooks=Webhooks(endpoints=(ALL, FOLDERS), service_url="https://thumbs.example.com"))
    database.open()
    with database.writing() as connection:
        Deliveries(connection).configure([ALL, FOLDERS])
    yield database
    database.close()


@pytest.fixture
def record(database, clock):
    return Verbs(database, clock)


@pytest.fixture
def due(database, clock):
    """What is due for an endpoint."""

    def due(endpoint=ALL):
        with database.reading() as connection:
            return Deliveries(connection).due(endpoint.id, now=clock.now, limit=100)

    return due


def bodies(deliveries) -> list[dict]:
    return [json.loads(delivery.body) for delivery in deliveries]


def types(deliveries) -> list[str]:
    return sorted(body["type"] for body in bodies(deliveries))


def test_a_success_is_reported_with_what_an_app_needs_to_find_the_photo(record, due):
    record.enqueue(a_request(1, folder="album"), a_request(2, folder="album"))
    [lease] = record.lease(1)

    record.finish(lease, a_success())

    (delivery,) = due()
    assert delivery.id.startswith("msg_")
    assert "." not in delivery.id
    assert (delivery.event, delivery.attempts) == ("photo.succeeded", 0)
    assert json.loads(delivery.body) == {
        "type": "photo.succeeded",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "data": {
            "photoId": "photo-000001",
            "photoUrl": "https://thumbs.example.com/api/photos/photo-000001",
            "jobId": "job-000001",
            "source": "s3://photos/000001.jpg",
            "folderId": "album",
        },
    }


def test_a_failure_is_reported_with_its_reason(record, due):
    record.enqueue(a_request(1))
    [lease] = record.lease(1)

    record.fail(lease, NotAnImage("words"))

    (body,) = bodies(due())
    assert body["type"] == "photo.failed"
    assert (body["data"]["code"], body["data"]["reason"]) == ("not_an_image", "words")


def test_a_photo_that_is_not_there_is_reported_as_failed(record, due):
    record.enqueue(a_request(1))
    [lease] = record.lease(1)

    record.miss(lease, NoSuchObject("gone"))

    assert types(due()) == ["photo.failed"]


def test_what_is_tried_again_is_not_reported_yet(record, due):
    record.enqueue(a_request(1, folder="album"))
    [lease] = record.lease(1)

    record.release(lease, StoreUnavailable("away"), counts=("errors",))

    assert due() == []


def test_a_late_attempt_reports_nothing(record, due, clock):
    record.enqueue(a_request(1))
    [lease] = record.lease(1)
    clock.advance(seconds=61)
    record.rescue()

    with pytest.raises(StaleLease):
        record.finish(lease, a_success())

    assert due() == []


def test_a_move_that_is_undone_undoes_its_report(database, record, due, clock):
    record.enqueue(a_request(1))
    [lease] = record.lease(1)

    with pytest.raises(RuntimeError), database.writing() as connection:
        Leases(connection).fail(lease, NotAnImage("words"), now=clock.now)
        raise RuntimeError

    assert due() == []
    assert record.job("job-000001").state == "running"


# --- folders


def test_a_folder_is_done_when_its_last_job_ends(record, due):
    record.enqueue(a_request(1, folder="album"), a_request(2, folder="album"), a_request(3, folder="other"))
    leases = {lease.job_id: lease for lease in record.lease(3)}

    record.finish(leases["job-000001"], a_success())
    before = due(FOLDERS)
    record.fail(leases["job-000002"], NotAnImage("words"))

    assert before == []
    (body,) = bodies(due(FOLDERS))
    assert (body["type"], body["data"]) == ("folder.done", {"folderId": "album"})


def test_a_folder_whose_last_jobs_end_together_is_done_once(record, due):
    record.enqueue(*(a_request(number, folder="album") for number in range(1, 6)))

    record.finish_all(*((lease, a_success()) for lease in record.lease(5)))

    assert types(due(FOLDERS)) == ["folder.done"]
    assert types(due()) == ["folder.done", *["photo.succeeded"] * 5]


def test_a_folder_waits_for_a_job_that_is_tried_again(record, due, clock):
    record.enqueue(a_request(1, folder="album"), a_request(2, folder="album"))
    first, second = record.lease(2)
    record.release(second, StoreUnavailable("away"), after=60, counts=("errors",))

    record.finish(first, a_success())
    before = due(FOLDERS)
    clock.advance(seconds=61)
    [again] = record.lease(1)
    record.finish(again, a_success())

    assert before == []
    assert types(due(FOLDERS)) == ["folder.done"]


@pytest.mark.parametrize("end", ["cancelled", "cancelled twice", "deleted", "missed"])
def test_a_folder_is_also_done_when_its_last_job_ends_without_a_picture(record, due, end):
    record.enqueue(a_request(1, folder="album", version="v1"))
    if end == "deleted":
        record.enqueue(a_removal(1))
    elif end == "missed":
        [lease] = record.lease(1)
        record.miss(lease, NoSuchObject("gone"))
    else:
        for _ in end.split():
            record.cancel("job-000001")

    assert types(due(FOLDERS)) == ["folder.done"]
    assert types(due()) == ["folder.done"]


def test_two_queues_that_end_the_last_two_jobs_of_a_folder_at_one_time_report_it_once(database, record, due, clock):
    record.enqueue(a_request(1, folder="album"), a_request(2, folder="album"))
    first, second = record.lease(2)

    with ThreadPoolExecutor(1) as other_queue:
        with database.writing() as connection:
            Leases(connection).fail(first, NotAnImage("words"), now=clock.now)
            ending = other_queue.submit(record.fail, second, NotAnImage("words"))
            wait([ending], timeout=0.3)  # with PostgreSQL it can end before this transaction does
        ending.result()

    assert types(due(FOLDERS)) == ["folder.done"]


def test_two_queues_that_end_jobs_of_one_folder_do_not_wait_for_each_other(postgresql_url, clock):
    url = postgresql_url.replace("postgresql://", "postgresql+psycopg://")
    database = Database(url, webhooks=Webhooks(endpoints=(FOLDERS,), service_url="http://u"))
    database.open()
    with database.writing() as connection:
        Deliveries(connection).configure([FOLDERS])
    record = Verbs(database, clock)
    record.enqueue(a_request(1, folder="album"), a_request(2, folder="album"))
    first, second = record.lease(2)

    with ThreadPoolExecutor(1) as other_queue, database.writing() as connection:
        Leases(connection, 1).fail(first, NotAnImage("words"), now=clock.now)
        other_queue.submit(Verbs(database, clock).cancel, second.job_id).result(timeout=5)

    with database.reading() as connection:
        found = Deliveries(connection).due(FOLDERS.id, now=clock.now, limit=9)
    database.close()
    assert types(found) == ["folder.done"]


def test_whether_a_folder_is_done_is_read_from_its_own_jobs(tmp_path, clock):
    plain = Database(f"sqlite:///{tmp_path}/plans.db", webhooks=Webhooks(endpoints=(FOLDERS,), service_url="http://u"))
    plain.open()
    verbs, plans = Verbs(plain, clock), []
    verbs.enqueue(*(a_request(number, folder=f"folder-{number % 9}") for number in range(100)))
    [lease] = verbs.lease(1)

    with plain.writing() as connection:
        said = []
        event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2:4]))
        Leases(connection).fail(lease, NotAnImage("words"), now=clock.now)
    with plain.reading() as connection:
        for sql, values in [one for one in said if "EXISTS" in one[0]]:
            plans += [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    plain.close()

    assert any("ix_jobs_folder (shard=? AND priority=? AND folder_id=?)" in plan for plan in plans), plans
    assert not any("SCAN jobs" in plan for plan in plans)


def test_folders_that_begin_alike_are_told_apart(record, due):
    long = "x" * 300
    record.enqueue(a_request(1, folder=f"{long}1"), a_request(2, folder=f"{long}2"))
    leases = {lease.job_id: lease for lease in record.lease(2)}

    record.finish(leases["job-000001"], a_success())

    assert [body["data"]["folderId"] for body in bodies(due(FOLDERS))] == [f"{long}1"]


def test_a_body_is_shorter_than_the_standard_allows(record, due):
    worst = "\x01" * 1000
    record.enqueue(a_request(1, source="s3://photos/" + "\x01" * 1024, folder=worst))
    [lease] = record.lease(1)

    record.fail(lease, NotAnImage(worst))

    assert all(len(delivery.body.encode()) < 20_000 for delivery in due())


# --- endpoints


def test_nothing_is_written_for_an_endpoint_that_is_disabled(database, record, due, clock):
    with database.writing() as connection:
        Deliveries(connection).disable(ALL.id, reason="410", now=clock.now)
    record.enqueue(a_request(1, folder="album"))
    [lease] = record.lease(1)

    record.finish(lease, a_success())

    assert due() == []
    assert types(due(FOLDERS)) == ["folder.done"]


def test_a_changed_setting_enables_an_endpoint_again_and_the_same_one_does_not(database, clock):
    changed = WebhookEndpoint(url=ALL.url, events=(WebhookEvent.PHOTO_FAILED,))

    def disabled_after(endpoint):
        with database.writing() as connection:
            Deliveries(connection).configure([endpoint])
            (state,) = Deliveries(connection).endpoints()
            return state.disabled_at

    with database.writing() as connection:
        Deliveries(connection).disable(ALL.id, reason="410", now=clock.now)

    assert disabled_after(ALL) == clock.now
    assert disabled_after(changed) is None


def test_an_endpoint_that_is_removed_from_the_settings_is_forgotten_with_its_deliveries(database, record, due):
    record.enqueue(a_request(1))
    [lease] = record.lease(1)
    record.finish(lease, a_success())

    with database.writing() as connection:
        Deliveries(connection).configure([FOLDERS])
        states = Deliveries(connection).endpoints()
        to_whom = dict(recipients(connection))
        forgotten = OldDeliveries(connection, ALL.id).forget_all(limit=10)

    assert to_whom == {ALL.id: None}
    assert forgotten == 1
    assert due() == []
    assert [state.url for state in states] == [FOLDERS.url]


def test_what_was_given_up_is_tried_again_when_a_person_asks(database, record, due, clock):
    record.enqueue(a_request(1))
    [lease] = record.lease(1)
    record.finish(lease, a_success())
    (delivery,) = due()
    with database.writing() as connection:
        Deliveries(connection).failed(
            ALL.id, delivery.id, due_at=None, reason="the endpoint answered 500", now=clock.now
        )
        before = Deliveries(connection).endpoints()[0]

    with database.writing() as connection:
        last = Deliveries(connection).retry(now=clock.now)
        rest = Deliveries(connection).retry(now=clock.now, after=last)
        after = Deliveries(connection).endpoints()[0]

    assert (before.waiting, before.given_up, before.error) == (0, 1, "the endpoint answered 500")
    assert (after.waiting, after.given_up, rest) == (1, 0, None)
    assert [one.attempts for one in due()] == [0]


def test_old_messages_are_forgotten(database, record, due, clock):
    record.enqueue(a_request(1))
    [lease] = record.lease(1)
    record.finish(lease, a_success())

    with database.writing() as connection:
        kept = OldDeliveries(connection, ALL.id).forget(before=clock.now, limit=10)
        forgotten = OldDeliveries(connection, ALL.id).forget(before=clock.now + 1, limit=10)

    assert (kept, forgotten) == (0, 1)
    assert due() == []


def ended_one_after_the_other(record, clock, numbers):
    for number in numbers:
        clock.advance(seconds=1)
        record.enqueue(a_request(number))
        [lease] = record.lease(1)
        record.finish(lease, a_success())


def test_of_too_many_messages_the_oldest_go(database, record, due, clock):
    ended_one_after_the_other(record, clock, range(5))

    with database.writing() as connection:
        dropped = [OldDeliveries(connection, ALL.id).forget_surplus(kept=2, limit=2) for _ in range(3)]

    assert dropped == [2, 1, 0]
    assert [body["data"]["jobId"] for body in bodies(due())] == ["job-000003", "job-000004"]


def test_messages_are_tried_again_in_slices(database, record, due, clock):
    ended_one_after_the_other(record, clock, range(5))
    with database.writing() as connection:
        OldDeliveries(connection, ALL.id).give_up(before=clock.now + 1, limit=10)
    clock.advance(seconds=60)
    slices = []

    with database.writing() as connection:
        after = ""
        while after is not None:
            after = Deliveries(connection).retry(now=clock.now, after=after, limit=2)
            slices.append(len(Deliveries(connection).due(ALL.id, now=clock.now, limit=10)))

    assert slices == [2, 4, 5, 5]
    assert {one.begun_at for one in due()} == {clock.now}


def test_a_full_outbox_stops_no_start(postgresql_url):
    url = postgresql_url.replace("postgresql://", "postgresql+psycopg://")
    rows = "SELECT 'msg_' || n, 'gone', 'photo.failed', '{}', 1, 1 FROM generate_series(1, 200000) n"
    with closing(Database(url)) as database:
        database.open()
        began = time.perf_counter()
        with database.writing() as connection:
            connection.execute(text(f"INSERT INTO deliveries (id, endpoint_id, event, body, begun_at, due_at) {rows}"))
        seconds_for_all = time.perf_counter() - began

    with closing(Database(url, statement_seconds=seconds_for_all / 4)) as database:
        database.open()
        with database.writing() as connection:
            Deliveries(connection).configure([ALL])
            Deliveries(connection).enable()
        with database.writing() as connection:
            slices = [Deliveries(connection).retry(now=2.0), OldDeliveries(connection, "gone").forget_all(limit=1000)]

    assert slices[1] == 1000


def test_without_webhooks_the_end_of_a_job_takes_no_more_statements(url, clock):
    plain = Database(url)
    plain.open()
    verbs, said = Verbs(plain, clock), []
    verbs.enqueue(a_request(1, folder="album"))
    [lease] = verbs.lease(1)
    with plain.writing() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
        Leases(connection).finish([(lease, a_success())], now=clock.now)
    plain.close()

    assert [sql for sql in said if "deliveries" in sql or "webhook" in sql or "advisory" in sql] == []
