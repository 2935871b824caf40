import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, closing

import pytest
from sqlalchemy import text

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.record import Record
from raythumbs.errors import BadSettings, DatabaseUnavailable, IllegalMove, Internal, UnknownJob, Unstorable
from raythumbs.model.selection import Selection
from tests.db.conftest import a_request, opened


def enqueued(number):
    return lambda connection, now: list(Intake(connection).enqueue([a_request(number)], now=now).values())


@asynccontextmanager
async def grouped(record):
    """Hold the writer while the context is open, so that all writes in it share a commit."""
    blocked, go_on = threading.Event(), threading.Event()
    holding = asyncio.create_task(record.write(lambda _connection, _now: blocked.set() or go_on.wait(10)))
    await asyncio.to_thread(blocked.wait, 10)
    yield
    await asyncio.sleep(0.01)  # the tasks of the writes begin
    go_on.set()
    await holding


async def written_together(record, *writes):
    """Make writes that share a commit; return the result or error of each."""
    async with grouped(record):
        tasks = [asyncio.create_task(record.write(write)) for write in writes]
    return await asyncio.gather(*tasks, return_exceptions=True)


def on_a_record(database, story):
    async def run():
        with closing(Record(database)) as record:
            return await story(record)

    return asyncio.run(run())


def test_a_finished_write_is_visible_to_other_connections(url):
    async def story(record):
        await record.write(enqueued(1))
        return await record.read(lambda connection: Jobs(connection).get("job-000001"))

    assert on_a_record(opened(url), story)


def test_waiting_writes_share_a_commit(url):
    committed = []

    async def story(record):
        await written_together(
            record, *[lambda connection, _now: committed.append(id(connection.get_transaction()))] * 20
        )

    on_a_record(opened(url), story)

    assert len(committed) == 20
    assert len(set(committed)) == 1


@pytest.mark.parametrize("alone", [True, False])
def test_a_failed_write_is_undone_without_affecting_others(url, alone):
    def half(connection, now):
        enqueued(2)(connection, now)
        raise IllegalMove("no")

    def refused(connection, _now):
        connection.execute(text("INSERT INTO events (id, seen_at) VALUES (NULL, 1)"))

    writes = enqueued(1), half, refused, lambda _connection, _now: 1 / 0, enqueued(3)

    async def story(record):
        if alone:
            results = [(await asyncio.gather(record.write(write), return_exceptions=True))[0] for write in writes]
        else:
            results = await written_together(record, *writes)
        return results, await record.read(lambda db: Jobs(db).list(Selection(), after=None, limit=9))

    (good, bad, worse, worst, better), jobs = on_a_record(opened(url), story)

    assert good[0].id == "job-000001"
    assert better[0].id == "job-000003"
    assert [type(error) for error in (bad, worse, worst)] == [IllegalMove, Unstorable, Internal]
    assert [job.id for job in jobs] == ["job-000003", "job-000001"]


@pytest.mark.parametrize("alone", [True, False])
def test_a_bug_in_a_write_is_logged_with_its_traceback_and_raised_without_its_text(url, caplog, alone):
    def a_wrong_write(_connection, _now):
        raise ValueError("a secret of the inside")

    async def story(record):
        if alone:
            return await asyncio.gather(record.write(a_wrong_write), return_exceptions=True)
        return (await written_together(record, a_wrong_write, enqueued(1)))[:1]

    (error,) = on_a_record(opened(url), story)

    assert (type(error), error.code, error.http_status) == (Internal, "internal", 500)
    assert "secret" not in error.reason
    assert "in a_wrong_write" in caplog.text
    assert "ValueError: a secret of the inside" in caplog.text


@pytest.mark.parametrize(
    "bug",
    [
        lambda db, _now: db.execute(text("SELECT :missing"), {}),
        lambda db, _now: db.execute(text("SELECT nothing FROM nowhere")),
        lambda db, _now: db.execute(text("SELECT , FROM jobs")),
        lambda db, _now: db.execute(text("SELECT 1")).scalars().all()[0].no_such_thing,
    ],
)
def test_a_wrong_statement_is_no_outage_and_is_not_repeated(url, caplog, bug):
    async def story(record):
        with pytest.raises(Internal):
            await asyncio.wait_for(record.insist(bug), 10)
        with pytest.raises((Internal, AttributeError)):
            await record.read(lambda db: bug(db, 0.0))
        return await record.write(enqueued(1))

    assert on_a_record(opened(url), story)
    assert "Traceback" in caplog.text


def test_a_connection_lost_during_a_commit_is_an_outage_for_all_its_writes(postgresql_url):
    def cut(connection, _now):
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async def story(record):
        results = await written_together(record, enqueued(1), cut, enqueued(2), enqueued(3))
        return results, await record.insist(enqueued(4))

    database = opened(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    results, jobs = on_a_record(database, story)

    assert [type(error) for error in results] == [DatabaseUnavailable] * 4
    assert [job.id for job in jobs] == ["job-000004"]


def test_a_read_only_database_is_an_outage(postgresql_url):
    def write_read_only(connection, _now):
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(text("INSERT INTO events (id, seen_at) VALUES ('e', 1)"))

    async def story(record):
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            await record.write(write_read_only)

    on_a_record(opened(postgresql_url.replace("postgresql://", "postgresql+psycopg://")), story)


def test_a_missing_privilege_is_reported_and_not_retried(postgresql_url):
    def write_without_rights(connection, _now):
        connection.execute(text("CREATE ROLE powerless"))
        connection.execute(text("SET LOCAL ROLE powerless"))
        connection.execute(text("INSERT INTO events (id, seen_at) VALUES ('e', 1)"))

    async def story(record):
        with pytest.raises(BadSettings, match="permission denied for table events"):
            await asyncio.wait_for(record.insist(write_without_rights), 10)

    on_a_record(opened(postgresql_url.replace("postgresql://", "postgresql+psycopg://")), story)


@pytest.mark.parametrize("is_ended", [False, True])
def test_a_full_disk_is_an_outage_for_all_writes_of_a_commit(tmp_path, is_ended):
    """SQLite may then end the transaction and its savepoints by itself."""

    def fill(connection, _now):
        (pages,) = connection.execute(text("PRAGMA page_count")).one()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        if is_ended:
            connection.exec_driver_sql("ROLLBACK")
        connection.execute(
            text(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
                " INSERT INTO events (id, seen_at) SELECT i, 1 FROM n"
            )
        )

    def empty(connection, _now):
        connection.execute(text("PRAGMA max_page_count = 1000000"))

    async def story(record):
        results = await written_together(record, enqueued(1), fill, enqueued(2))
        await asyncio.gather(record.write(empty), return_exceptions=True)
        return results, await record.insist(enqueued(3))

    results, jobs = on_a_record(opened(f"sqlite:///{tmp_path}/record.db"), story)

    assert isinstance(results[1], DatabaseUnavailable)
    assert not any(isinstance(result, Internal) for result in results)
    assert [job.id for job in jobs] == ["job-000003"]


def test_a_locked_file_is_an_outage(tmp_path):
    async def story(record):
        with closing(sqlite3.connect(tmp_path / "record.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseUnavailable, match="locked"):
                await record.write(enqueued(1))

    on_a_record(opened(f"sqlite:///{tmp_path}/record.db", statement_seconds=0.1), story)


def test_a_write_commits_even_if_its_caller_stops_waiting(url):
    async def story(record):
        async with grouped(record):
            left = asyncio.create_task(record.write(enqueued(1)))
            await asyncio.sleep(0)
            left.cancel()
            other = asyncio.create_task(record.write(enqueued(2)))
        await other
        return await record.read(lambda db: Jobs(db).list(Selection(), after=None, limit=9))

    assert [job.id for job in on_a_record(opened(url), story)] == ["job-000002", "job-000001"]


def test_closing_finishes_pending_writes_and_reads(url):
    async def story(record):
        tasks = [asyncio.create_task(record.write(enqueued(number))) for number in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(record.close)
        return await asyncio.gather(*tasks)

    async def run():
        return await story(Record(opened(url)))

    assert len(asyncio.run(run())) == 50
    with closing(opened(url)) as database, database.reading() as connection:
        assert len(Jobs(connection).list(Selection(), after=None, limit=100)) == 50


def test_many_callers_may_write_at_once(url):
    async def story(record):
        async def ask(first):
            for number in range(10):
                await record.write(enqueued(first + number))

        await asyncio.gather(*(ask(100 * task) for task in range(8)))
        return await record.read(lambda db: Jobs(db).list(Selection(), after=None, limit=1000)), record.commits

    jobs, commits = on_a_record(opened(url), story)

    assert len(jobs) == 80
    assert commits < 80


def test_a_write_answered_before_a_kill_is_there_after_it(tmp_path):
    url = f"sqlite:///{tmp_path}/record.db"
    script = f"""
import asyncio
from raythumbs.db.record import Record
from tests.db.conftest import opened
from tests.db.test_record import enqueued

async def run():
    record = Record(opened({url!r}))
    for number in range(10**6):
        print((await record.write(enqueued(number)))[0].id, flush=True)

asyncio.run(run())
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
