"""A queue whose record is in a PostgreSQL is bound to no node: where its node dies, it goes on elsewhere."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ray._private.ray_constants import PROCESS_TYPE_RAYLET
from ray.cluster_utils import Cluster

from raythumbs.errors import QueueUnavailable
from raythumbs.model.job import State
from tests.cluster.conftest import NODE, LiveQueue, StartQueue, eventually


@pytest.fixture
def other_node(cluster: Cluster) -> Iterator[object]:
    node = cluster.add_node(**NODE)
    yield node
    if node in cluster.worker_nodes:
        cluster.remove_node(node)


def raylet(node: object) -> int:
    return node.all_processes[PROCESS_TYPE_RAYLET][0].process.pid


def home(queue: LiveQueue) -> int | None:
    """The raylet of the node that the queue lives on, if it lives."""
    try:
        return psutil.Process(queue.pid).ppid()
    except (StopIteration, psutil.NoSuchProcess):
        return None


def answers(queue: LiveQueue) -> bool:
    try:
        return queue.status().total > 0
    except QueueUnavailable:
        return False


def move_to(node: object, queue: LiveQueue) -> None:
    """Kill the queue until Ray starts it there: a node is drawn each time."""
    while home(queue) != raylet(node):
        before = queue.pid
        os.kill(before, signal.SIGKILL)
        eventually(lambda before=before: home(queue) and queue.pid != before)
        queue.status()  # it is up, and may be killed again


def test_a_queue_with_a_postgresql_goes_on_at_another_node_when_its_own_dies(
    cluster: Cluster, other_node: object, start: StartQueue, photos: list[Path], postgresql_url: str
):
    queue = start(database=postgresql_url)
    move_to(other_node, queue)
    jobs = queue.submit(photos)
    queue.at_work()

    cluster.remove_node(other_node, allow_graceful=False)

    eventually(lambda: home(queue) == raylet(cluster.head_node) and answers(queue), seconds=120)
    ended = queue.ended(jobs)
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert sum(job.crashes for job in ended) == 0
