"""All streams of a folder share one poll, which ends with the last of them."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from raythumbs.errors import QueueUnavailable
from raythumbs.model.folder import Folder
from raythumbs.web.folder_watch import FolderWatch

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
            return await story(asked, FolderWatch(asked, **{"poll_seconds": 0.001, "heartbeat_seconds": 10} | given))

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
