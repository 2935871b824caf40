"""All streams of a folder share one poll, which ends with the last of them."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from raythumbs.errors import QueueUnavailable
from raythumbs.model.folder import Folder
from raythumbs.web.watch import Watch, pause_seconds

EMPTY = Folder(id="album", total=0, waiting=0, failed=0, cancelled=0, ended_at=None)


class Asked:
    """Answers with what a test says, and counts how often it is asked for each folder."""

    def __init__(self) -> None:
        self.now = EMPTY
        self.error: Exception | None = None
        self.times: dict[str, int] = {}

    async def __call__(self, folder_id: str) -> Folder:
        self.times[folder_id] = self.times.get(folder_id, 0) + 1
        if self.error:
            raise self.error
        return replace(self.now, id=folder_id)

    async def again(self, folder_id: str, *, times: int = 2) -> None:
        until = self.times.get(folder_id, 0) + times
        async with asyncio.timeout(10):
            while self.times.get(folder_id, 0) < until:
                await asyncio.sleep(0.001)


def watched(story, **given):
    async def within():
        asked = Asked()
        async with asyncio.timeout(20):
            return await story(
                asked,
                Watch(asked, **{"poll_seconds": 0.001, "heartbeat_seconds": 10} | given),
            )

    return asyncio.run(within())


def test_a_stream_begins_with_the_folder_as_it_is_and_goes_on_with_changes_alone():
    async def story(asked, watch):
        async with aclosing(watch.changes("album", EMPTY)) as changes:
            seen = [await anext(changes)]
            await asked.again("album")
            for total in (1, 2):
                asked.now = replace(EMPTY, total=total)
                seen.append(await anext(changes))
        return seen

    assert watched(story) == [EMPTY, replace(EMPTY, total=1), replace(EMPTY, total=2)]


def test_a_hundred_streams_of_a_folder_are_one_poll_which_ends_with_the_last():
    async def story(asked, watch):
        streams = [watch.changes("album", EMPTY) for _ in range(100)]
        for stream in streams:
            await anext(stream)
        waiting = [asyncio.create_task(anext(stream)) for stream in streams]
        await asked.again("album")
        at_work = watch.watched
        asked.now = replace(EMPTY, total=1)
        seen = await asyncio.gather(*waiting)
        for stream in streams:
            await stream.aclose()
        asked_before = dict(asked.times)
        await asyncio.sleep(0.02)
        return at_work, seen, watch.watched, asked.times == asked_before

    at_work, seen, left, is_quiet = watched(story)

    assert (at_work, left, is_quiet) == (1, 0, True)
    assert seen == [replace(EMPTY, total=1)] * 100


def test_a_stream_without_changes_has_heartbeats():
    async def story(asked, watch):
        async with aclosing(watch.changes("album", EMPTY)) as changes:
            return [await anext(changes) for _ in range(3)]

    assert watched(story, heartbeat_seconds=0.005) == [EMPTY, None, None]


@pytest.mark.parametrize("error", [QueueUnavailable("away"), ZeroDivisionError("a bug")])
def test_a_stream_outlives_a_queue_that_is_away(error):
    async def story(asked, watch):
        asked.error = error
        async with aclosing(watch.changes("album", EMPTY)) as changes:
            first = await anext(changes)
            await asked.again("album")
            asked.error, asked.now = None, replace(EMPTY, total=1)
            return first, await anext(changes)

    assert watched(story) == (EMPTY, replace(EMPTY, total=1))


def test_a_stream_that_is_cancelled_leaves_nothing_behind():
    async def story(asked, watch):
        async def reading():
            async with aclosing(watch.changes("album", EMPTY)) as changes:
                async for _ in changes:
                    pass

        stream = asyncio.create_task(reading())
        await asked.again("album")
        stream.cancel()
        await asyncio.wait([stream])
        return watch.watched

    assert watched(story) == 0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.parametrize(("took_seconds", "pause"), [(0, 0), (0.01, 0.2), (0.25, 5), (15, 5)])
def test_a_folder_that_takes_long_to_count_is_left_alone_for_longer_but_never_for_long(took_seconds, pause):
    assert pause_seconds(took_seconds) == pytest.approx(pause)


def test_after_a_long_look_that_failed_the_next_one_comes_soon():
    async def story(asked, _):
        clock = Clock()

        async def slow(folder_id):
            clock.at += 15  # the queue was waited for
            return await asked(folder_id)

        watch = Watch(slow, poll_seconds=0.001, heartbeat_seconds=10, stream_seconds=1e9, now=clock)
        asked.error = QueueUnavailable("away")
        async with aclosing(watch.changes("album", EMPTY)) as changes:
            await anext(changes)
            async with asyncio.timeout(4):  # less than the longest pause
                await asked.again("album", times=5)

    watched(story)


def test_a_stream_that_joins_begins_with_the_fresh_figures_and_shows_them_to_the_others():
    async def story(asked, watch):
        fresh = replace(EMPTY, total=7)
        async with aclosing(watch.changes("album", EMPTY)) as old, aclosing(watch.changes("album", fresh)) as new:
            await anext(old)
            seen = await anext(new)
            asked.now = fresh
            return seen, await anext(old)

    assert watched(story, poll_seconds=10) == (replace(EMPTY, total=7),) * 2


def test_a_stream_ends_after_a_while_and_is_no_longer_asked_for():
    async def story(asked, watch):
        async with aclosing(watch.changes("album", EMPTY)) as changes:
            seen = [one async for one in changes]
        return seen, watch.watched

    seen, left = watched(story, stream_seconds=0.05, heartbeat_seconds=0.02)

    assert (seen[0], set(seen[1:]), left) == (EMPTY, {None}, 0)


def test_a_stream_whose_figures_never_rest_ends_too():
    async def story(asked, _):
        clock = Clock()

        async def restless(folder_id):
            clock.at += 1
            return replace(EMPTY, total=int(clock.at))

        watch = Watch(restless, poll_seconds=0.001, stream_seconds=0.5, now=clock)
        async with aclosing(watch.changes("album", EMPTY)) as changes:
            return [one async for one in changes]

    assert len(watched(story)) <= 2


def test_streams_end_at_once_when_their_watch_ends():
    async def story(asked, watch):
        async with (
            aclosing(watch.changes("album", EMPTY)) as one,
            aclosing(watch.changes("trip", replace(EMPTY, id="trip"))) as other,
        ):
            await anext(one), await anext(other)
            waiting = [asyncio.create_task(rest(changes)) for changes in (one, other)]
            await asked.again("album")
            watch.end()
            ends = await asyncio.gather(*waiting)
        async with aclosing(watch.changes("album", EMPTY)) as late:
            return ends, await rest(late)

    assert watched(story) == ([[], []], [EMPTY])


async def rest(changes):
    return [one async for one in changes]
