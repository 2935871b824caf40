"""The engine without Ray: the queue's plain class on a real database, and batches that a test scripts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from raythumbs.cluster.nodes import Node
from raythumbs.model.attempt import Attempt
from raythumbs.model.job import INCOMPLETE, Job, JobRequest, Priority
from raythumbs.model.lease import Failed, Lease, Outcome, Report, Succeeded
from raythumbs.model.photo import Format, PictureFacts, Rendition
from raythumbs.queue.batch import Batch
from raythumbs.queue.pace import Pace
from raythumbs.queue.parts import Given
from raythumbs.queue.telemetry import Telemetry
from raythumbs.settings import Settings, load_settings
from raythumbs.worker.pipeline import Reports
from raythumbs.worker.plan import Plan
from tests.records import lay_record
from tests.verbs import Verbs
from tests.waits import eventually

NODE = Node("node-1", cpus=2)


def a_success() -> Succeeded:
    facts = PictureFacts(width=40, height=30, format="jpeg", size_bytes=5, version="v1")
    made = Rendition(
        name="thumbnail", width=4, height=3, format=Format.JPEG, size_bytes=2, key="k", url="http://here/k"
    )
    return Succeeded(facts, (made,))


def a_request(number: int, *, priority: Priority = Priority.NORMAL) -> JobRequest:
    return JobRequest(
        job_id=f"job-{number}", photo_id=f"photo-{number}", source=f"file:///photos/{number}.jpg", priority=priority
    )


Answer = Callable[[Lease], Outcome | BaseException]


@dataclass
class Batches:
    """Runs batches as a test says: `answer` gives each lease's outcome, or the error that ends its batch."""

    answer: Answer = lambda _lease: a_success()
    seen: list[list[str]] = field(default_factory=list)
    large: list[tuple[str, int]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        if not batch.leases:
            return
        self.seen.append([lease.job_id for lease in batch.leases])
        if batch.memory_bytes:
            self.large.append((batch.node.id, batch.memory_bytes))
        if self.gate:
            await self.gate.wait()
        for lease in batch.leases:
            outcome = self.answer(lease)
            if isinstance(outcome, BaseException):
                raise outcome
            yield (Report(lease, outcome, seconds=0.01),)


def failing(*errors: Exception) -> Answer:
    """Answer with one error after the other, whatever the job, and then with successes."""
    left = list(errors)
    return lambda _lease: Failed(left.pop(0)) if left else a_success()


@dataclass
class Cluster:
    """The nodes as a test wants them."""

    nodes: dict[str, Node] = field(default_factory=lambda: {NODE.id: NODE})

    async def __call__(self) -> Mapping[str, Node]:
        return dict(self.nodes)


class Queue:
    """A queue at work, and ways to wait for it."""

    def __init__(self, queue: Verbs) -> None:
        self.verbs = queue

    async def submit(self, *numbers: int, priority: Priority = Priority.NORMAL) -> list[Job]:
        return await self.verbs.enqueue([a_request(number, priority=priority) for number in numbers])

    async def ended(self, *numbers: int) -> list[Job]:
        async def all_ended() -> bool:
            return all(job.state not in INCOMPLETE for job in [await self.job(number) for number in numbers])

        await eventually(all_ended)
        return [await self.job(number) for number in numbers]

    async def job(self, number: int) -> Job:
        return (await self.verbs.job(f"job-{number}")).job

    async def attempts(self, number: int) -> tuple[Attempt, ...]:
        return (await self.verbs.job(f"job-{number}")).attempts


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Settings]:
    def configured(**given: Any) -> Settings:
        settings = load_settings(data_dir=tmp_path, allowed_sources=("file:///",), **given)
        lay_record(settings)
        return settings

    return configured


_QUICK: Mapping[str, Any] = {
    "backoff": lambda _errors: 0.005,
    "slow_backoff": lambda _errors: 0.005,
    "dispatch_rest_seconds": 0.1,
    "admission_rest_seconds": 0.1,
    "collect_rest_seconds": 0.1,
    "follow_nodes_seconds": 0.1,
}


@asynccontextmanager
async def at_work(
    settings: Settings,
    batches: Batches,
    cluster: Cluster | None = None,
    *,
    drained: bool = True,
    telemetry: Telemetry | None = None,
    **pace: Any,
) -> AsyncIterator[Queue]:
    """Give a queue at work. Its retries wait no longer than a moment; `pace` says what else is not as usual."""
    queue = Verbs(
        Given(
            settings=settings,
            shard=0,
            plan=Plan.of(settings),
            run=batches,
            nodes=cluster or Cluster(),
            telemetry=telemetry or Telemetry(),
            pace=Pace(**_QUICK | pace),
        )
    )
    try:
        yield Queue(queue)
    finally:
        if drained:
            await queue.drain()
            await queue.close()
