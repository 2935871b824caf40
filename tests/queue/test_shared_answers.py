import asyncio

import pytest

from raythumbs.errors import QueueUnavailable
from raythumbs.queue.shared_answers import Shared


class Asked:
    """Answers when the gate is open; counts how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.gate = asyncio.Event()
        self.trouble: Exception | None = None

    async def __call__(self, key: str) -> int:
        self.keys.append(key)
        await self.gate.wait()
        if self.trouble:
            raise self.trouble
        return len(self.keys)


def test_all_who_ask_at_once_share_one_call_for_each_key():
    async def story():
        asked = Asked()
        shared = Shared(asked)
        callers = [asyncio.create_task(shared(key)) for key in "aabab"]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked.gate.set()
        answers = await asyncio.gather(*callers)
        return asked.keys, answers, await shared("a")

    keys, answers, later = asyncio.run(story())

    assert sorted(keys[:2]) == ["a", "b"]
    assert (len(set(answers)), later, len(keys)) == (1, 3, 3)


def test_an_answer_is_given_for_a_while_after():
    async def story():
        asked = Asked()
        asked.gate.set()
        shared = Shared(asked, seconds=60)
        return [await shared("a") for _ in range(3)]

    assert asyncio.run(story()) == [1, 1, 1]


def test_an_error_is_told_to_all_who_wait_and_not_kept():
    async def story():
        asked = Asked()
        asked.gate.set()
        asked.trouble = QueueUnavailable("away")
        shared = Shared(asked, seconds=60)
        told = await asyncio.gather(shared("a"), shared("a"), return_exceptions=True)
        asked.trouble = None
        return told, await shared("a")

    told, after = asyncio.run(story())

    assert ([type(error) for error in told], after) == ([QueueUnavailable] * 2, 2)


def test_a_caller_that_leaves_takes_nobody_along():
    async def story():
        asked = Asked()
        shared = Shared(asked)
        leaver, stayer = (asyncio.create_task(shared("a")) for _ in range(2))
        await asyncio.sleep(0)
        leaver.cancel()
        await asyncio.sleep(0)
        asked.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        return await stayer

    assert asyncio.run(story()) == 1


def test_an_answer_does_not_outlive_the_event_loop_that_it_was_asked_in():
    asked = 0

    async def ask(_key):
        nonlocal asked
        asked += 1
        return asked

    shared = Shared(ask, seconds=60)

    assert [asyncio.run(shared(None)) for _ in range(2)] == [1, 2]
