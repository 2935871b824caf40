"""Several queues share the slots and the jobs; whoever asks sees one."""

from pathlib import Path

import pytest
import ray

from raythumbs.model.figures import Ending
from raythumbs.model.job import State
from raythumbs.queue.actors import name_of
from tests.cluster.conftest import LiveQueue, StartQueue, eventually, family, title
from tests.conftest import new_database


def actors() -> set[str]:
    return set(ray.util.list_named_actors())


def succeeded_by_shard(queue: LiveQueue) -> dict[int, int]:
    """The photos that each queue counts for /metrics."""
    return {shard: counts.photos[Ending.SUCCEEDED, ""] for shard, counts in queue.figures().shards.items()}


@pytest.fixture(scope="module")
def database(postgresql: str) -> str:
    """An empty database for both tests, so that the second finds the queues of the first."""
    return new_database(postgresql)


@pytest.mark.needs("time")
def test_two_queues_render_all_photos_in_their_shares_of_the_slots(
    shared: StartQueue, photos: list[Path], database: str
):
    queue = shared(database=database, queue_shards=2, drain_seconds=0.1)

    submitted = queue.submit(photos[:20])
    jobs = queue.ended(submitted)

    assert [job.id for job in jobs] == submitted
    assert {(job.state, job.attempt) for job in jobs} == {(State.SUCCEEDED, 1)}
    assert actors() == {name_of(0), name_of(1)}
    processes = [one for one in family() if "ThumbnailQueue" in title(one)]
    assert len(processes) >= 2  # those of earlier tests may still end
    status = queue.status()
    assert (status.total, [node.slots for node in status.nodes]) == (2, [2])
    assert status.overview.states[State.SUCCEEDED] == 20
    eventually(lambda: sum(succeeded_by_shard(queue).values()) == 20)
    assert sorted(succeeded_by_shard(queue)) == [0, 1]
    assert 0 not in succeeded_by_shard(queue).values()


@pytest.mark.needs("time")
def test_a_deploy_with_fewer_shards_takes_up_what_all_of_the_old_ones_had(
    shared: StartQueue, photos: list[Path], database: str
):
    before = shared(database=database, queue_shards=2, drain_seconds=0.1)
    submitted = before.submit(photos[:30])
    before.at_work()

    after = shared(database=database, queue_shards=1, drain_seconds=0.1)

    assert actors() == {name_of(0)}
    assert {job.state for job in after.ended(submitted)} == {State.SUCCEEDED}
