"""Figures of several shards, put together."""

from dataclasses import replace

from raythumbs.model.figures import Figures
from raythumbs.model.job import Priority, State
from raythumbs.model.overview import NodeSlots, Overview, Status
from raythumbs.model.queue_state import QueueState
from raythumbs.queue.tally import Tally

OVERVIEW = Overview(
    states=dict.fromkeys(State, 0),
    backlog=dict.fromkeys(Priority, 0),
    backlog_age_seconds=0.0,
    backlog_ages_seconds=dict.fromkeys(Priority, 0.0),
    retries_waiting=0,
    photos_per_second=0.0,
)


def a_shard(number: int, *, busy: int) -> Figures:
    node = NodeSlots(node="n1", address="10.0.0.1", cpus=4, slots=2, busy=busy)
    status = Status(
        overview=OVERVIEW,
        nodes=(node,),
        busy=busy,
        total=2,
        running=busy,
        late_reports=0,
        draining=False,
        queue=QueueState(),
    )
    return Figures(status=status, shards={number: Tally().counts(fenced_writes=busy, commits=0)}, free_disk_bytes=7)


def test_shards_keep_their_counts_apart_and_their_slots_are_added_up():
    whole = Figures.of_shards([a_shard(0, busy=1), a_shard(1, busy=2)])

    assert {shard: counts.fenced_writes for shard, counts in whole.shards.items()} == {0: 1, 1: 2}
    assert [replace(node, cpus=0) for node in whole.status.nodes] == [
        NodeSlots(node="n1", address="10.0.0.1", cpus=0, slots=4, busy=3)
    ]
    assert whole.free_disk_bytes == 7
