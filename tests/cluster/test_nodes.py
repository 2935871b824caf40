"""Nodes that come and go: the slots follow them, and nobody pays for a node's end."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from PIL import Image
from ray._private.state import state
from ray._raylet import GcsClient
from ray.cluster_utils import Cluster
from ray.core.generated.autoscaler_pb2 import DrainNodeReason

from raythumbs.model.job import Job, State
from tests.cluster.conftest import NODE, LiveQueue, Shared, StartQueue, eventually, holds_photo, sandboxes
from tests.cluster.raylets import has_ended

NewPhotos = Callable[[], list[Path]]

pytestmark = pytest.mark.needs("time")

BEFORE_RAY_SECONDS = 12  # Ray itself misses a node after 15 s (see live_nodes); raythumbs after 4, with CPUs to itself


@contextmanager
def node_of(cluster: Cluster, **shape: object) -> Iterator[Any]:
    node = cluster.add_node(**{**NODE, **shape})
    try:
        yield node
    finally:
        if node in cluster.list_all_nodes():
            cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="module")
def new_photos(tmp_path_factory: pytest.TempPathFactory) -> NewPhotos:
    """Three hundred photos of a few milliseconds: more than two nodes have in hand. No queue has seen them before."""
    first = tmp_path_factory.mktemp("first") / "photo.jpg"
    Image.effect_noise((640, 480), 60).save(first)

    def made() -> list[Path]:
        folder = tmp_path_factory.mktemp("many")
        paths = [folder / f"{number}.jpg" for number in range(300)]
        for path in paths:
            path.hardlink_to(first)
        return paths

    return made


def drained(cluster: Cluster, node: Any) -> None:
    """Do what happens when a spot machine is announced to go."""
    deadline = int(time.time() * 1000) + 120_000
    accepted, refusal = GcsClient(address=cluster.address).drain_node(
        node.node_id, DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"), "it is sold to others", deadline
    )
    assert accepted, refusal


def sandboxes_of(node: Any) -> list[psutil.Process]:
    (raylet,) = node.all_processes["raylet"]
    below = psutil.Process(raylet.process.pid).children(recursive=True)
    return [sandbox for sandbox in sandboxes() if sandbox in below]


def has_given(sandbox: psutil.Process) -> bool:
    """Whether the worker of a sandbox has a photo for it, which the sandbox takes when it may go on."""
    worker = sandbox.parent()
    return worker is not None and holds_photo(worker)


def at_no_cost(jobs: list[Job]) -> bool:
    return all(
        job.state is State.SUCCEEDED and job.errors + job.timeouts + job.crashes + job.losses == 0 for job in jobs
    )


def some_wait(queue: LiveQueue) -> bool:
    return queue.status().overview.states[State.QUEUED] > 0


@contextmanager
def held_still(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """Hold processes still, so that there is time to do something before they are done."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        go_on(processes)


def go_on(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # its node has gone
            process.resume()


@contextmanager
def all_have_photos(cluster: Cluster, queue: LiveQueue, photos: list[Path]) -> Iterator[tuple[Any, list[str]]]:
    """Have another node and the head work on photos. Each process has some, and is held still until it may go on.

    Yield the node and the jobs. The head goes on at the end, when the node is gone with its workers: one that still
    lives, and goes on, could end its batch before the queue hears of the node's end.
    """
    with node_of(cluster) as node:
        eventually(lambda: queue.status().total == 4)
        for each in (cluster.head_node, node):
            eventually(lambda each=each: len(sandboxes_of(each)) >= 2)
        eventually(lambda: queue.status().busy == 0)  # all processes are up
        workers = [worker for sandbox in sandboxes_of(node) if (worker := sandbox.parent())]
        with held_still(sandboxes()):
            jobs = queue.submit(photos)
            # Not only given to Ray: what has not begun on a node that drains waits for another, which is held still.
            eventually(lambda: sum(map(has_given, sandboxes())) == 4)
            yield node, jobs
            if node in cluster.list_all_nodes():
                cluster.remove_node(node, allow_graceful=False)
            eventually(lambda: all(map(has_ended, workers)))


@dataclass(frozen=True, slots=True)
class Drained:
    """What became of a node's photos: of those in the process that went on, and of all."""

    by_the_node: list[Job]
    ended: list[Job]
    rest_waited: bool
    has_more: bool


@pytest.fixture(scope="module")
def drained_node(cluster: Cluster, one_for_all: Shared, new_photos: NewPhotos) -> Drained:
    """A node that drains while both its processes have photos: one goes on, the other is not done in time."""
    queue = one_for_all.queue()
    with all_have_photos(cluster, queue, new_photos()) as (node, jobs):
        fast, _ = filter(has_given, sandboxes_of(node))
        drained(cluster, node)
        eventually(lambda: queue.status().total == 2)

        go_on([fast])
        eventually(lambda: queue.status().busy == 3)  # the head's two, and the slow one
        rest_waited, has_more = some_wait(queue), holds_photo(fast)
        by_the_node = [job for job in queue.jobs(jobs) if job.state is State.SUCCEEDED]

        cluster.remove_node(node, allow_graceful=False)
    return Drained(by_the_node, queue.ended(jobs), rest_waited=rest_waited, has_more=has_more)


def test_a_draining_node_ends_its_batches_and_gets_no_others(drained_node: Drained):
    assert drained_node.rest_waited
    assert not drained_node.has_more
    assert drained_node.by_the_node
    assert at_no_cost(drained_node.by_the_node)
    assert {job.attempt for job in drained_node.by_the_node} == {1}


def test_what_a_draining_node_does_not_finish_is_rendered_elsewhere_at_no_cost(drained_node: Drained):
    assert at_no_cost(drained_node.ended)
    assert max(job.attempt for job in drained_node.ended) == 2


def test_a_node_that_is_shut_down_costs_no_photo_anything(cluster: Cluster, shared: StartQueue, new_photos: NewPhotos):
    queue = shared()
    with all_have_photos(cluster, queue, new_photos()) as (node, jobs):
        go_on(sandboxes_of(node))

        cluster.remove_node(node, allow_graceful=True)

    assert at_no_cost(queue.ended(jobs))


@pytest.fixture(scope="module")
def beside_a_large_node(cluster: Cluster, one_for_all: Shared) -> Iterator[tuple[LiveQueue, Any]]:
    """The queue, and a node with more CPUs than a node has slots at most, also while other programs keep some busy."""
    queue = one_for_all.queue()
    with node_of(cluster, num_cpus=16, resources={}) as large:
        eventually(lambda: queue.status().total == 2 + 8)
        yield queue, large


def test_never_more_than_eight_photos_are_rendered_at_once_on_a_node_nor_more_than_it_has_cpus(
    cluster: Cluster, beside_a_large_node: tuple[LiveQueue, Any], new_photos: NewPhotos
):
    queue, large = beside_a_large_node
    eventually(lambda: queue.status().busy == 0)  # every process is up

    jobs = queue.ended(queue.submit(new_photos()))

    assert at_no_cost(jobs)
    head = cluster.head_node.node_id  # it has two CPUs, and one slot while other programs keep these busy
    eventually(lambda: most_at_once()[large.node_id] >= 8 and most_at_once()[head])  # as Ray hears of it
    assert most_at_once()[large.node_id] == 8
    assert most_at_once()[head] <= 2


def test_a_node_that_is_gone_without_a_word_is_missed_soon_though_it_was_idle(
    cluster: Cluster, beside_a_large_node: tuple[LiveQueue, Any]
):
    queue, large = beside_a_large_node
    eventually(lambda: queue.status().busy == 0)

    cluster.remove_node(large, allow_graceful=False)

    eventually(lambda: queue.status().total == 2, seconds=BEFORE_RAY_SECONDS)


def most_at_once() -> Mapping[str, int]:
    """How many tasks that render, one photo after the other, ran at once on each node: by Ray's record of their starts
    and ends."""
    moments: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for told in state._get_all_task_events():
        node = told.state_updates.node_id  # which may be heard of later than what the task did
        for event in told.profile_events.events:
            if node and told.task_info.name.startswith("render") and event.event_name == "task:execute":
                moments[ray.NodeID(node).hex()] += [(event.start_time, 1), (event.end_time, -1)]
    return Counter({node: max(accumulate(step for _, step in sorted(steps))) for node, steps in moments.items()})
