"""How the queue follows a task of Ray; what the task says is scripted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from ray.exceptions import RayTaskError

from raythumbs.cluster.nodes import Node
from raythumbs.queue import run_batch
from raythumbs.queue.batch import Batch, NodeGone, TaskLost, TaskRaised
from raythumbs.settings import load_settings
from raythumbs.worker.plan import Plan

BATCH = Batch(1, Node("ab" * 28, 2), ())


class Task:
    """Stands for a remote task: what it yields, and whether it was taken back."""

    def __init__(self, *said: Callable[[], Awaitable[tuple[()]]]) -> None:
        self.said = said

    def options(self, **_options: object) -> "Task":
        return self

    async def remote(self, *_arguments: object) -> AsyncIterator[Awaitable[tuple[()]]]:
        for one in self.said:
            yield one()


async def at_once() -> tuple[()]:
    return ()


async def never() -> tuple[()]:
    await asyncio.Event().wait()
    return ()


@pytest.fixture
def cancelled(monkeypatch) -> list[object]:
    taken_back: list[object] = []
    monkeypatch.setattr(run_batch.ray, "cancel", lambda said, **_how: taken_back.append(said))
    monkeypatch.setattr(run_batch.ray, "get_runtime_context", type("Here", (), {"current_actor": None}))
    return taken_back


def followed(tmp_path, task: Task, *, taking_seconds: float = 0.0, **patience: float) -> int:
    """Follow a task; return how often it said something."""
    given = {"patience_seconds": 0.05} | patience

    async def run() -> int:
        count = 0
        plan: Any = Plan.of(load_settings(data_dir=tmp_path))
        async for _ in run_batch.run_batch(BATCH, plan=plan, task=task, **given):
            count += 1
            await asyncio.sleep(taking_seconds)  # as a database that is away for a while
        return count

    return asyncio.run(run())


def test_whoever_takes_long_to_take_in_what_a_task_says_is_not_mistaken_for_a_silent_task(tmp_path, cancelled):
    assert followed(tmp_path, Task(at_once, at_once, at_once), taking_seconds=0.2) == 3
    assert not cancelled


def test_a_task_that_has_begun_and_is_silent_is_ended_and_a_photo_may_be_the_reason(tmp_path, cancelled):
    with pytest.raises(TaskLost, match="nothing was heard"):
        followed(tmp_path, Task(at_once, never))

    assert len(cancelled) == 1


def test_a_task_that_ray_does_not_begin_is_taken_back_and_no_photo_is_the_reason(tmp_path, cancelled):
    with pytest.raises(NodeGone, match="Ray did not begin it"):
        followed(tmp_path, Task(never), begin_seconds=0.05, patience_seconds=60)

    assert len(cancelled) == 1


def test_a_task_whose_own_code_raises_an_error_is_a_bug_and_no_photo_is_the_reason(tmp_path, cancelled):
    async def raising() -> tuple[()]:
        raise RayTaskError("render_batch", "Traceback ...\nRecursionError: too deep", RecursionError("too deep"))

    with pytest.raises(TaskRaised, match="RecursionError: too deep"):
        followed(tmp_path, Task(at_once, raising))
