"""The backlog asks for slots: enough, not too many, and none that nobody needs."""

import asyncio
import math
from dataclasses import dataclass, field

import pytest

from raythumbs.cluster.nodes import Node
from raythumbs.queue.scaling import Scaling
from raythumbs.queue.slots import Slots


@dataclass
class Growing:
    """An autoscaler as Ray's is: it reports in the next iteration what it could not reach, and does nothing of it."""

    reach: float = math.inf
    there: bool = True
    asked: list[int] = field(default_factory=list)
    declared: bool | None = None

    async def is_there(self) -> bool:
        return self.there

    async def ask(self, slots: int, *, declared: bool) -> int | None:
        self.declared = declared
        self.asked.append(slots)
        before = self.asked[-2:-1]
        return before[0] if before and before[0] > self.reach else None


class Backlog:
    """Seconds of work that wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.counted_up_to = 0.0

    async def __call__(self, up_to_seconds: float) -> float:
        self.counted_up_to = up_to_seconds
        return self.seconds


def slots_of(*nodes: Node) -> Slots:
    slots = Slots(per_node=8)
    slots.follow({node.id: node for node in nodes})
    return slots


def run(scaling: Scaling, number: int = 1) -> None:
    for _ in range(number):
        asyncio.run(scaling.run_once())


@pytest.mark.parametrize(
    ("seconds", "slots"), [(0.05, 1), (60, 1), (61, 2), (600, 10), (6000, 100), (6001, 100), (10**6, 100)]
)
def test_as_many_slots_are_asked_for_as_clear_the_backlog_in_a_minute_up_to_the_limit(seconds, slots):
    growing, backlog = Growing(), Backlog(seconds)

    run(Scaling(backlog, slots_of(), growing, most=100))

    assert growing.asked == [slots]
    assert backlog.counted_up_to == 6000


def test_while_something_waits_it_is_asked_again_and_when_nothing_does_once_more_for_none():
    growing, backlog = Growing(), Backlog(120)
    scaling = Scaling(backlog, slots_of(), growing, most=100)

    run(scaling, 2)
    backlog.seconds = 0
    run(scaling, 3)

    assert growing.asked == [2, 2, 0]


def test_what_a_queue_that_was_killed_had_asked_for_is_taken_back_by_the_next():
    growing = Growing()

    run(Scaling(Backlog(0), slots_of(), growing, most=100), 2)

    assert growing.asked == [0]


def test_a_drained_queue_takes_back_what_it_asked_for():
    growing = Growing()
    scaling = Scaling(Backlog(120), slots_of(), growing, most=100)

    run(scaling)
    asyncio.run(scaling.end())

    assert growing.asked == [2, 0]


def test_a_cluster_that_cannot_grow_is_asked_for_nothing_and_the_backlog_is_not_counted():
    growing, backlog = Growing(there=False), Backlog(120)
    scaling = Scaling(backlog, slots_of(), growing, most=100)

    run(scaling)
    asyncio.run(scaling.end())

    assert growing.asked == []
    assert backlog.counted_up_to == 0


@pytest.mark.parametrize("reach", [1, 7, 40, 99])
def test_of_what_a_cluster_cannot_reach_it_is_asked_for_all_that_it_can(reach):
    growing = Growing(reach=reach)
    semaphore = Slots(per_node=1000)
    scaling = Scaling(Backlog(10**6), semaphore, growing, most=100)

    for _ in range(100):  # iterations, in which the requested nodes come
        run(scaling)
        if semaphore.total < growing.asked[-1] <= reach:
            semaphore.follow({"a": Node("a", growing.asked[-1])})

    assert growing.asked[0] == 100
    assert semaphore.total == growing.asked[-1] == reach
    assert sum(asked > reach for asked in growing.asked) <= 14


def test_a_refusal_is_not_believed_for_ever(clock):
    growing = Growing(reach=8)
    scaling = Scaling(Backlog(6000), slots_of(Node("a", 8)), growing, most=100, clock=lambda: clock.now)
    run(scaling, 20)
    assert growing.asked[-1] == 8

    growing.reach = 1000
    clock.advance(seconds=601)
    run(scaling)

    assert growing.asked[-1] == 100


@pytest.mark.parametrize(
    ("nodes", "declared"),
    [
        ([], True),
        ([Node("head", 2)], False),
        ([Node("head", 2), Node("worker", 2, declared_slots=2)], True),
    ],
)
def test_slots_are_asked_for_in_the_shape_that_nodes_declare(nodes, declared):
    growing = Growing()

    run(Scaling(Backlog(1), slots_of(*nodes), growing, most=100))

    assert growing.declared is declared
