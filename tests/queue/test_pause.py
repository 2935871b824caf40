"""A paused queue takes everything and starts nothing new, whatever is restarted meanwhile."""

import asyncio
from contextlib import closing
from functools import partial
from types import SimpleNamespace

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.queue_states import QueueStates
from raythumbs.db.record import Record
from raythumbs.model.job import State
from raythumbs.model.selection import Selection
from raythumbs.queue.parts import work_waiting
from tests.queue.conftest import Batches, a_request, at_work, eventually
from tests.records import lay_sqlite


def test_a_paused_queue_takes_photos_and_begins_them_after_it_is_resumed(configured):
    async def run():
        async with at_work(configured(), Batches()) as queue:
            paused = await queue.verbs.pause("the bucket moves")
            await queue.submit(1, 2)
            await taken_a_turn(queue)
            waiting = [(await queue.job(number)).state for number in (1, 2)]
            resumed = await queue.verbs.resume()
            return paused, waiting, resumed, await queue.ended(1, 2)

    paused, waiting, resumed, ended = asyncio.run(run())

    assert (paused.name, paused.reason, paused.running) == ("paused", "the bucket moves", 0)
    assert waiting == [State.QUEUED, State.QUEUED]
    assert (resumed.name, resumed.since, resumed.reason) == ("working", None, None)
    assert [job.state for job in ended] == [State.SUCCEEDED] * 2


def test_photos_at_work_are_finished_and_batches_get_no_more(configured):
    async def run():
        gate = asyncio.Event()
        batches = Batches(gate=gate)
        async with at_work(configured(), batches) as queue:
            await queue.submit(1)
            await eventually(lambda: started(batches))
            paused = await queue.verbs.pause()
            await queue.submit(2)
            more = await queue.verbs.more(1, 5)
            gate.set()
            (first,) = await queue.ended(1)
            return paused, more, first, await queue.job(2), await queue.verbs.queue_state()

    paused, more, first, second, after = asyncio.run(run())

    assert (paused.name, paused.running, more) == ("paused", 1, [])
    assert (first.state, second.state) == (State.SUCCEEDED, State.QUEUED)
    assert after.running == 0


def test_a_queue_that_was_killed_while_it_was_paused_is_still_paused(configured):
    settings = configured()

    async def killed():
        batches = Batches(gate=asyncio.Event())
        async with at_work(settings, batches, drained=False) as queue:
            await queue.submit(1)
            await eventually(lambda: started(batches))
            paused = await queue.verbs.pause("look at the store")
            await queue.verbs.close()  # the lease of its photo is never given back
            return paused

    async def started_again():
        async with at_work(settings, Batches()) as queue:
            state = await queue.verbs.queue_state()
            await taken_a_turn(queue)
            waiting = await queue.job(1)
            await queue.verbs.resume()
            return state, waiting, await queue.ended(1)

    paused = asyncio.run(killed())
    state, waiting, (ended,) = asyncio.run(started_again())

    assert (state.since, state.reason) == (paused.since, "look at the store")
    assert (waiting.state, ended.state) == (State.QUEUED, State.SUCCEEDED)


def test_pausing_again_keeps_the_moment_and_may_change_the_reason(configured):
    async def run():
        async with at_work(configured(), Batches()) as queue:
            return [await queue.verbs.pause(reason) for reason in ("first", None, "second")]

    first, again, other = asyncio.run(run())

    assert first.since == again.since == other.since
    assert [one.reason for one in (first, again, other)] == ["first", "first", "second"]


def test_a_paused_queue_asks_for_no_nodes(configured, tmp_path):
    async def run():
        lay_sqlite(tmp_path / "record.db")
        database = Database(f"sqlite:///{tmp_path}/record.db")
        database.open()
        with database.writing() as db:
            Intake(db).enqueue([a_request(1), a_request(2)], now=1.0)
        with closing(Record(database)) as record:
            dispatcher = SimpleNamespace(draining=False, photo_seconds=0.1)
            ask = partial(work_waiting, 60, database=database, record=record, dispatcher=dispatcher, shards=1)
            before = await ask()
            await record.write(lambda db, now: QueueStates(db).pause(None, now=now))
            return before, await ask()

    before, paused = asyncio.run(run())

    assert before > 0
    assert paused == 0


def test_waiting_jobs_can_be_cancelled_while_the_queue_is_paused(configured):
    async def run():
        async with at_work(configured(), Batches(gate=asyncio.Event())) as queue:
            await queue.verbs.pause()
            await queue.submit(*range(5))
            changed = await queue.verbs.cancel_jobs(Selection(state=State.QUEUED))
            return changed, [(await queue.job(number)).state for number in range(5)]

    changed, states = asyncio.run(run())

    assert (changed.changed, changed.more) == (5, False)
    assert states == [State.CANCELLED] * 5


async def started(batches):
    return bool(batches.seen)


async def taken_a_turn(queue):
    """Wait until the queue has looked for work again."""
    before = await queue.verbs.commits()

    async def looked():
        return await queue.verbs.commits() > before + 1

    await eventually(looked)
