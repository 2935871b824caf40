"""The handle of a queue whose actors are a script: without Ray."""

import asyncio
from types import SimpleNamespace

import pytest

from raythumbs.errors import QueueUnavailable, StoreUnavailable
from raythumbs.model.selection import Selection
from raythumbs.queue.handle import QueueHandle
from tests.queue.conftest import a_request


class Shard:
    """An actor: what it does not answer at once waits for the gate."""

    def __init__(self) -> None:
        self.checks = 0
        self.trouble: Exception | None = None
        self.enqueued: list[list[str]] = []
        self.gate = asyncio.Event()
        self.check = SimpleNamespace(remote=self._check)
        self.enqueue_all = SimpleNamespace(remote=self._enqueue_all)
        self.jobs = SimpleNamespace(remote=self._jobs)
        self.pages: list[str] = []

    async def _check(self) -> None:
        self.checks += 1
        if self.trouble:
            raise self.trouble

    async def _jobs(self, _selection, *, after, **_asked):
        self.pages.append(after)
        await self.gate.wait()
        return []

    async def _enqueue_all(self, groups):
        self.enqueued.append([change.photo_id for group in groups for change in group])
        await self.gate.wait()
        return [{} for _ in groups]


@pytest.fixture
def shards() -> list[Shard]:
    return [Shard(), Shard(), Shard()]


def test_a_queue_is_ready_when_each_of_its_shards_is(shards):
    asyncio.run(QueueHandle(3, actor_of=shards.__getitem__).check())

    assert [shard.checks for shard in shards] == [1, 1, 1]


def test_a_queue_is_not_ready_while_one_of_its_shards_is_not(shards):
    shards[1].trouble = StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        asyncio.run(QueueHandle(3, actor_of=shards.__getitem__).check())


def test_what_was_answered_that_the_queue_does_not_answer_is_not_sent_to_it_afterwards(shards):
    async def story() -> None:
        limit = SimpleNamespace(seconds=20)
        queue = QueueHandle(actor_of=shards.__getitem__, time_limit=lambda: asyncio.timeout(limit.seconds))
        under_way = asyncio.create_task(queue.enqueue([a_request(1)]))
        while not shards[0].enqueued:
            await asyncio.sleep(0)
        limit.seconds = 0.01
        with pytest.raises(QueueUnavailable):
            await queue.enqueue([a_request(2)])

        limit.seconds = 20
        shards[0].gate.set()
        await under_way
        await queue.enqueue([a_request(3)])

    asyncio.run(story())

    assert shards[0].enqueued == [["photo-1"], ["photo-3"]]


def test_many_who_ask_whether_it_is_ready_are_one_question(shards):
    async def story() -> None:
        queue = QueueHandle(actor_of=shards.__getitem__)
        await asyncio.gather(*(queue.check() for _ in range(200)))

    asyncio.run(story())

    assert shards[0].checks == 1


def test_only_a_few_pages_of_jobs_are_read_at_one_time_and_each_once(shards):
    async def story() -> int:
        queue = QueueHandle(actor_of=shards.__getitem__)
        readers = [asyncio.create_task(queue.jobs(Selection(), after=f"{n % 10}", limit=1000)) for n in range(200)]
        while len(shards[0].pages) < 2:
            await asyncio.sleep(0.001)
        for _ in range(10):
            await asyncio.sleep(0)
        at_once = len(shards[0].pages)
        shards[0].gate.set()
        await asyncio.gather(*readers)
        return at_once

    assert asyncio.run(story()) == 2
    assert sorted(shards[0].pages) == [f"{n}" for n in range(10)]
