import subprocess
import sys
import threading

import pytest
from sqlalchemy import text

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.writer import Writer
from raythumbs.errors import IllegalMove, UnknownJob, Unstorable
from tests.db.conftest import a_request


def enqueued(number):
    return lambda connection, now: Intake(connection).enqueue([a_request(number)], now=now)


def test_what_a_writer_has_answered_is_there_for_others(database, record):
    writer = Writer(database)

    writer.submit(enqueued(1)).result(10)

    assert record.job("job-000001")
    writer.close()


def test_writes_that_wait_together_are_committed_together(database):
    committed = []
    writer = Writer(database)
    blocked, go_on = threading.Event(), threading.Event()
    writer.submit(lambda _connection, _now: blocked.set() or go_on.wait(10))
    blocked.wait(10)

    futures = [
        writer.submit(lambda connection, _now: committed.append(id(connection.get_transaction()))) for _ in range(20)
    ]
    go_on.set()
    for future in futures:
        future.result(10)

    assert len(committed) == 20
    assert len(set(committed)) == 1
    writer.close()


@pytest.mark.parametrize("alone", [True, False])
def test_a_write_that_fails_undoes_itself_and_spoils_no_other(database, record, alone):
    def half(connection, now):
        enqueued(2)(connection, now)
        raise IllegalMove("no")

    def refused(connection, _now):
        connection.execute(text("INSERT INTO events (id, seen_at) VALUES (NULL, 1)"))

    writer = Writer(database)
    blocked, go_on = threading.Event(), threading.Event()
    if not alone:
        writer.submit(lambda _connection, _now: blocked.set() or go_on.wait(10))
        blocked.wait(10)

    good, bad, worse, worst, better = (
        writer.submit(write) for write in (enqueued(1), half, refused, lambda _connection, _now: 1 / 0, enqueued(3))
    )
    go_on.set()

    assert good.result(10)[0].id == "job-000001"
    assert better.result(10)[0].id == "job-000003"
    assert isinstance(bad.exception(10), IllegalMove)
    assert isinstance(worse.exception(10), Unstorable)
    assert worst.exception(10).code == "internal"
    assert [job.id for job in record.page()] == ["job-000003", "job-000001"]
    writer.close()


def test_whoever_stops_waiting_for_a_write_does_not_stop_the_others(database, record):
    writer = Writer(database)
    blocked, go_on = threading.Event(), threading.Event()
    writer.submit(lambda _connection, _now: blocked.set() or go_on.wait(10))
    blocked.wait(10)

    left = writer.submit(enqueued(1))
    left.cancel()
    go_on.set()

    assert writer.submit(enqueued(2)).result(10)[0].id == "job-000002"
    writer.close()


def test_closing_finishes_what_was_asked(database, record):
    writer = Writer(database)
    futures = [writer.submit(enqueued(number)) for number in range(50)]

    writer.close()

    assert all(future.done() for future in futures)
    assert len(record.page()) == 50


def test_many_threads_may_ask_at_once(database, record):
    writer = Writer(database)
    threads = [
        threading.Thread(
            target=lambda first: [writer.submit(enqueued(first + n)).result(30) for n in range(10)], args=(100 * t,)
        )
        for t in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(record.page(limit=1000)) == 80
    writer.close()


def test_what_was_answered_before_a_kill_is_there_after_it(tmp_path, clock):
    url = f"sqlite:///{tmp_path}/record.db"
    script = f"""
from raythumbs.db.database import Database
from raythumbs.db.writer import Writer
from tests.db.test_writer import enqueued
database = Database({url!r}); database.open(); writer = Writer(database)
for number in range(10**6):
    print(writer.submit(enqueued(number)).result()[0].id, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with process.stdout as answers:
        answered = [answers.readline().strip() for _ in range(100)]
        process.kill()
        answered += [line.strip() for line in answers if line.endswith("\n")]
    process.wait()

    database = Database(url)
    database.open()

    with database.reading() as connection:
        for job_id in answered:
            assert Jobs(connection).get(job_id).id == job_id
        with pytest.raises(UnknownJob):
            Jobs(connection).get(f"job-{len(answered) + 2:06d}")
    database.close()
