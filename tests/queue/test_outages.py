"""A database that is away while photos are rendered: a real one, locked by another."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from raythumbs.errors import Internal
from raythumbs.model.job import State
from tests.queue.conftest import Batches, at_work, eventually


def other(settings) -> sqlite3.Connection:
    path = settings.database_url.get_secret_value().removeprefix("sqlite:///")
    return sqlite3.connect(path, isolation_level=None, timeout=10)


async def started(queue) -> None:
    async def is_running() -> bool:
        return (await queue.job(1)).state is State.RUNNING

    await queue.submit(1)
    await eventually(is_running)


def test_what_is_rendered_while_the_database_is_away_is_recorded_when_it_is_back(configured, caplog):
    impatient = {"statement_seconds": 0.1, "write_again_seconds": (0.01, 0.02)}
    settings = configured()

    async def scenario():
        batches = Batches(gate=asyncio.Event())

        async def was_refused() -> bool:
            return caplog.text.count("write.repeated") > 2

        async with at_work(settings, batches, **impatient) as queue:
            await started(queue)
            with closing(other(settings)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                batches.gate.set()
                await eventually(was_refused)
                connection.execute("ROLLBACK")
            (job,) = await queue.ended(1)
            return job

    job = asyncio.run(scenario())

    assert (job.state, job.attempt, job.crashes) == (State.SUCCEEDED, 1, 0)


def test_a_lease_that_ran_out_while_the_database_was_away_is_renewed_by_who_works_on_it(configured):
    settings = configured(lease_seconds=5)

    async def scenario():
        batches = Batches(gate=asyncio.Event())
        async with at_work(settings, batches) as queue:
            await started(queue)
            with closing(other(settings)) as connection:
                connection.execute("UPDATE jobs SET lease_until = 1")

                async def is_renewed() -> bool:
                    ((until,),) = connection.execute("SELECT lease_until FROM jobs").fetchall()
                    return until != 1

                await eventually(is_renewed)
            batches.gate.set()
            (job,) = await queue.ended(1)
            return job

    job = asyncio.run(scenario())

    assert (job.state, job.attempt, job.crashes) == (State.SUCCEEDED, 1, 0)


def test_a_lease_that_nobody_holds_is_rescued(configured):
    settings = configured(lease_seconds=5)

    async def scenario():
        async with at_work(settings, Batches(lambda _lease: ValueError("a bug of ours")), drained=False) as queue:
            await started(queue)
            with closing(other(settings)) as connection:
                connection.execute("UPDATE jobs SET lease_until = 1")

            async def is_rescued() -> bool:
                return (await queue.job(1)).losses == 1

            await eventually(is_rescued)

    asyncio.run(scenario())


def test_a_bug_while_the_database_is_opened_is_told_at_once_and_not_repeated(configured, monkeypatch):
    openings = []

    def stumble(database):
        openings.append(database)
        raise Internal

    monkeypatch.setattr("raythumbs.db.database.Database.open", stumble)

    async def scenario():
        async with at_work(configured(), Batches(), drained=False) as queue:
            with pytest.raises(Internal):
                await queue.job(1)

    asyncio.run(scenario())

    assert len(openings) == 1
