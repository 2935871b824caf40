"""Nodes that come and go: the slots follow them, and nobody pays for a node's end."""

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
from ray._private.state import state
from ray._raylet import GcsClient
from ray.cluster_utils import Cluster
from ray.core.generated.autoscaler_pb2 import DrainNodeReason

from raythumbs.cluster.nodes import SLOT_RESOURCE
from raythumbs.model.job import Job, State
from tests.cluster.conftest import NODE, LiveQueue, StartQueue, eventually, holds_photo, sandboxes

pytestmark = pytest.mark.needs("time")

FOLLOWED_SECONDS = 5


@contextmanager
def node_of(cluster: Cluster, **shape: object) -> Iterator[Any]:
    node = cluster.add_node(**{**NODE, **shape})
    try:
        yield node
    finally:
        if node in cluster.list_all_nodes():
            cluster.remove_node(node, allow_graceful=False)


@pytest.fixture
def many(photos: list[Path], tmp_path: Path) -> list[Path]:
    """More photos than are done before something has happened to a node."""
    paths = [tmp_path / f"{number}.jpg" for number in range(400)]
    for number, path in enumerate(paths):
        path.hardlink_to(photos[number % len(photos)])
    return paths


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


def at_no_cost(jobs: list[Job]) -> bool:
    return all(
        job.state is State.SUCCEEDED and job.errors + job.timeouts + job.crashes + job.losses == 0 for job in jobs
    )


def some_wait(queue: LiveQueue) -> bool:
    return queue.status().overview.states[State.QUEUED] > 0


def test_a_draining_node_ends_its_batches_and_gets_no_others(cluster: Cluster, start: StartQueue, many: list[Path]):
    queue = start()
    with node_of(cluster) as node:
        eventually(lambda: queue.status().total == 4)
        eventually(lambda: len(sandboxes_of(node)) == 2)  # its processes are up
        jobs = queue.submit(many)
        eventually(lambda: [sandbox for sandbox in sandboxes_of(node) if holds_photo(sandbox)])

        drained(cluster, node)

        eventually(lambda: queue.status().total == 2, seconds=FOLLOWED_SECONDS)
        eventually(lambda: queue.status().busy == 2)
        assert some_wait(queue)
        assert not any(holds_photo(sandbox) for sandbox in sandboxes_of(node))
    ended = queue.ended(jobs)
    assert at_no_cost(ended)
    assert {job.attempt for job in ended} == {1}


def test_what_a_draining_node_does_not_finish_is_rendered_elsewhere_at_no_cost(
    cluster: Cluster, start: StartQueue, many: list[Path]
):
    queue = start()
    with node_of(cluster) as node:
        eventually(lambda: queue.status().total == 4)
        jobs = queue.submit(many)
        eventually(lambda: [sandbox for sandbox in sandboxes_of(node) if holds_photo(sandbox)])
        for sandbox in sandboxes_of(node):
            os.kill(sandbox.pid, signal.SIGSTOP)  # it will not be done in time
        drained(cluster, node)
        eventually(lambda: queue.status().total == 2, seconds=FOLLOWED_SECONDS)

        cluster.remove_node(node, allow_graceful=False)

    ended = queue.ended(jobs)
    assert at_no_cost(ended)
    assert max(job.attempt for job in ended) == 2


def test_a_node_that_is_shut_down_costs_no_photo_anything(cluster: Cluster, start: StartQueue, many: list[Path]):
    queue = start()
    with node_of(cluster) as node:
        eventually(lambda: queue.status().total == 4)
        jobs = queue.submit(many)
        eventually(lambda: [sandbox for sandbox in sandboxes_of(node) if holds_photo(sandbox)])

        cluster.remove_node(node, allow_graceful=True)

    assert at_no_cost(queue.ended(jobs))


def test_a_node_that_is_gone_without_a_word_is_missed_soon_though_it_was_idle(cluster: Cluster, start: StartQueue):
    queue = start()
    with node_of(cluster) as node:
        eventually(lambda: queue.status().total == 4)
        eventually(lambda: queue.status().busy == 0)

        cluster.remove_node(node, allow_graceful=False)

        eventually(lambda: queue.status().total == 2, seconds=FOLLOWED_SECONDS)


def test_never_more_than_eight_photos_are_rendered_at_once_on_a_node_nor_more_than_it_has_cpus(
    cluster: Cluster, start: StartQueue, many: list[Path]
):
    queue = start()
    declared = {SLOT_RESOURCE: 4}
    with node_of(cluster, num_cpus=4, resources=declared) as four, node_of(cluster, num_cpus=16, resources={}) as large:
        eventually(lambda: queue.status().total == 2 + 4 + 8, seconds=FOLLOWED_SECONDS)
        eventually(lambda: queue.status().busy == 0)  # every process is up

        jobs = queue.ended(queue.submit(many))

        assert at_no_cost(jobs)
        slots = {cluster.head_node.node_id: 2, four.node_id: 4, large.node_id: 8}
        eventually(lambda: all(most_at_once()[node] >= count for node, count in slots.items()))  # as Ray hears of it
        assert {node: most_at_once()[node] for node in slots} == slots
    eventually(lambda: queue.status().total == 2, seconds=FOLLOWED_SECONDS)


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
