"""The outbox of webhooks stays small, whatever its endpoints do."""

import asyncio
import logging
import time

import pytest

from raythumbs.db.database import Database
from raythumbs.db.deliveries import Deliveries
from raythumbs.db.record import Record
from raythumbs.model.webhook import LONGEST_SECONDS, WebhookEndpoint
from raythumbs.queue.webhook_janitor import WebhookJanitor
from tests.records import lay_sqlite

ENDPOINT = WebhookEndpoint(url="https://app.example.com/hook?token=secret")
GONE = WebhookEndpoint(url="https://app.example.com/gone")
KEEP_SECONDS = 10 * LONGEST_SECONDS


@pytest.fixture
def record(tmp_path):
    lay_sqlite(tmp_path / "record.db")
    database = Database(f"sqlite:///{tmp_path}/record.db")
    database.open()
    with database.writing() as db:
        Deliveries(db).configure([ENDPOINT])
    record = Record(database)
    yield record
    record.close()


@pytest.fixture
def cleaned(record):
    """What is left of messages with these ages (seconds) after an iteration: their ages, and which still wait."""

    def cleaned(*ages: float, endpoint=ENDPOINT):
        now = time.time()
        rows = [(f"msg_{n}", endpoint.id, now - age, now) for n, age in enumerate(ages)]
        insert = (
            "INSERT INTO deliveries (id, endpoint_id, event, body, begun_at, due_at) VALUES (?, ?, 'e', '{}', ?, ?)"
        )
        left = "SELECT begun_at, due_at IS NOT NULL FROM deliveries ORDER BY begun_at DESC"
        janitor = WebhookJanitor(record, keep_seconds=KEEP_SECONDS, rows_a_write=2, most_an_endpoint=5)

        async def run():
            await record.write(lambda db, _now: [db.exec_driver_sql(insert, row) for row in rows])
            before = record.commits
            await janitor.run_once()
            found = await record.read(lambda db: db.exec_driver_sql(left).all())
            return [(round(now - begun_at), bool(waits)) for begun_at, waits in found], record.commits - before

        return asyncio.run(run())

    return cleaned


def test_the_messages_of_an_endpoint_that_is_in_the_settings_no_more_go_in_small_commits(cleaned):
    left, commits = cleaned(*range(7), endpoint=GONE)

    assert (left, commits) == ([], 4)


def test_the_oldest_of_too_many_messages_are_dropped_and_the_log_says_so(cleaned, caplog):
    with caplog.at_level(logging.WARNING):
        left, _ = cleaned(*range(10, 90, 10))

    assert left == [(age, True) for age in (10, 20, 30, 40, 50)]
    assert "webhooks.dropped" in caplog.text
    assert '"messages": 3' in caplog.text
    assert "secret" not in caplog.text


def test_messages_that_are_four_days_old_are_given_up_and_later_deleted(cleaned, caplog):
    recent, old = LONGEST_SECONDS - 60, LONGEST_SECONDS + 60

    with caplog.at_level(logging.WARNING):
        left, _ = cleaned(recent, old, KEEP_SECONDS + 60)

    assert left == [(recent, True), (old, False)]
    assert "webhooks.given_up" in caplog.text


def test_an_outbox_without_messages_takes_no_commit(cleaned, caplog):
    assert cleaned() == ([], 0)
    assert caplog.text == ""
