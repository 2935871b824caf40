import asyncio
import threading
from collections.abc import Callable

import pytest

from raythumbs.errors import StoreUnavailable
from raythumbs.queue.store_check import StoreCheck


class Asked:
    """A store that answers as a test says, and counts how often it is asked."""

    def __init__(self, answer: Callable[[], None] = lambda: None) -> None:
        self.answer = answer
        self.times = 0

    def check(self) -> None:
        self.times += 1
        self.answer()


def refuse() -> None:
    raise StoreUnavailable("away")


def test_many_who_want_to_know_at_once_are_told_by_one_asking():
    store = Asked()

    async def run():
        check = StoreCheck(lambda: [store])
        await asyncio.gather(*(check() for _ in range(20)))

    asyncio.run(run())

    assert store.times == 1


def test_what_is_the_matter_is_told_to_each():
    async def run():
        check = StoreCheck(lambda: [Asked(), Asked(refuse)])
        return await asyncio.gather(*(check() for _ in range(3)), return_exceptions=True)

    assert [str(told) for told in asyncio.run(run())] == ["away"] * 3


def test_a_store_that_was_mended_is_believed_at_once():
    store = Asked(refuse)

    async def run():
        check = StoreCheck(lambda: [store])
        with pytest.raises(StoreUnavailable):
            await check()
        store.answer = lambda: None
        await check()

    asyncio.run(run())


def test_a_store_that_is_silent_is_asked_once_and_told_in_time():
    answers = threading.Event()
    store = Asked(lambda: answers.wait(20) and None)

    async def run():
        check = StoreCheck(lambda: [store], answer_seconds=0.05)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="no store answered"):
                await check()
        answers.set()

    asyncio.run(run())

    assert store.times == 1
