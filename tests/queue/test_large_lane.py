"""Large photos wait for a node that has the memory, and not for ever."""

from raythumbs.cluster.nodes import Node
from raythumbs.model.job import Priority
from raythumbs.model.lease import Lease
from raythumbs.queue.large_lane import LargeLane
from raythumbs.queue.slots import Slots

LARGE, SMALL = Node("large", 2, memory_bytes=1000), Node("small", 2, memory_bytes=10)


def a_lease(number: int = 1) -> Lease:
    return Lease(
        job_id=f"job-{number}", attempt=1, photo_id=f"photo-{number}", source="s3://photos/a.tif", version=None,
        size_bytes=None, priority=Priority.NORMAL, errors=0, timeouts=0, crashes=0, losses=0, created_at=0.0,
        started_at=0.0, until=0.0,
    )  # fmt: skip


def a_lane(clock, *nodes: Node) -> tuple[LargeLane, Slots]:
    slots = Slots(per_node=8)
    lane = LargeLane(slots, places=9, clock=lambda: clock.now)
    follow(lane, slots, *nodes)
    return lane, slots


def follow(lane: LargeLane, slots: Slots, *nodes: Node) -> None:
    slots.follow({node.id: node for node in nodes})
    lane.follow(nodes)


def test_a_photo_that_no_node_ever_had_the_memory_for_does_not_fit(clock):
    lane, _ = a_lane(clock, SMALL)

    assert not lane.fits(1000)


def test_a_photo_waits_ten_minutes_for_the_successor_of_a_node_that_had_its_memory(clock):
    lane, slots = a_lane(clock, LARGE, SMALL)
    lane.add(a_lease(), 1000)
    follow(lane, slots, SMALL)

    clock.advance(seconds=599)
    follow(lane, slots, SMALL)
    assert (lane.take(), lane.give_up(), len(lane)) == ([], [], 1)

    follow(lane, slots, LARGE)
    ((node, photo),) = lane.take()
    assert (node, photo.needed_bytes, len(lane)) == (LARGE, 1000, 0)


def test_a_photo_whose_node_does_not_come_back_is_given_up(clock):
    lane, slots = a_lane(clock, LARGE, SMALL)
    lane.add(a_lease(), 1000)
    follow(lane, slots, SMALL)

    clock.advance(seconds=601)
    follow(lane, slots, SMALL)

    assert [photo.lease.job_id for photo in lane.give_up()] == ["job-1"]
    assert (len(lane), lane.fits(1000)) == (0, False)


def test_only_a_node_that_could_take_a_large_photo_is_held_back_for_it(clock):
    lane, _ = a_lane(clock, LARGE, SMALL)
    lane.add(a_lease(), 1000)

    assert lane.wants(LARGE)
    assert not lane.wants(SMALL)
