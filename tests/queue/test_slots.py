import pytest
from hypothesis import given
from hypothesis import strategies as some

from raythumbs.cluster.nodes import Node
from raythumbs.queue.slots import Share, Slots
from raythumbs.worker.host_load import HostLoad


def slots_of(*cpus: int, per_node: int = 8, in_all: int | None = None) -> Slots:
    slots = Slots(per_node=per_node, in_all=in_all)
    slots.follow({f"n{number}": Node(f"n{number}", count) for number, count in enumerate(cpus)})
    return slots


@given(cpus=some.lists(some.integers(0, 20), max_size=5), per_node=some.integers(1, 10), tries=some.integers(0, 120))
def test_no_node_has_more_in_use_than_cpus_or_the_limit(cpus, per_node, tries):
    slots = slots_of(*cpus, per_node=per_node)

    taken = [slots.take() for _ in range(tries)]

    for node in slots.by_node():
        assert node.busy <= node.slots == min(node.cpus, per_node)
    assert slots.busy == sum(node is not None for node in taken) == min(tries, slots.total)


@given(
    cpus=some.lists(some.integers(1, 8), min_size=1, max_size=4),
    moves=some.lists(some.sampled_from(["take", "give", "lose", "find"]), max_size=60),
)
def test_slots_given_back_are_free_again_even_when_their_node_is_gone(cpus, moves):
    slots = Slots(per_node=8)
    nodes = {f"n{number}": Node(f"n{number}", count) for number, count in enumerate(cpus)}
    slots.follow(nodes)
    held = []

    for move in moves:
        if move == "take" and (node := slots.take()):
            held.append(node)
        elif move == "give" and held:
            slots.give_back(held.pop())
        else:
            slots.follow(nodes if move == "find" else {})
        assert slots.busy == len(held)
    for node in held:
        slots.give_back(node)

    slots.follow(nodes)
    assert slots.busy == 0
    assert slots.total == sum(cpus)


def test_the_node_with_the_most_free_slots_is_next():
    slots = slots_of(2, 4)

    taken = [slots.take().id for _ in range(6)]

    assert taken[:2] == ["n1", "n1"]
    assert sorted(taken) == ["n0", "n0", "n1", "n1", "n1", "n1"]
    assert slots.take() is None


@given(cpus=some.lists(some.integers(1, 8), min_size=1, max_size=4), in_all=some.integers(1, 10))
def test_a_limit_for_all_nodes_holds_over_all_of_them(cpus, in_all):
    slots = slots_of(*cpus, in_all=in_all)

    while slots.take():
        pass

    assert slots.busy == slots.total == min(in_all, sum(cpus))


def test_a_large_photo_gets_a_slot_where_its_memory_is_and_no_other_is():
    slots = Slots(per_node=8)
    slots.follow({n.id: n for n in (Node("a", 4, memory_bytes=100), Node("b", 8, memory_bytes=10))})

    first, second = slots.take_large(50), slots.take_large(50)
    assert (first and first.id, second) == ("a", None)
    assert slots.take_large(101) is None

    slots.give_back_large(first)
    assert slots.take_large(50) == first
    assert slots.busy == 1


def test_a_large_photo_waits_for_a_slot_like_any_other():
    slots = Slots(per_node=1)
    slots.follow({"a": Node("a", 4, memory_bytes=100)})

    taken = slots.take()

    assert slots.take_large(1) is None
    slots.give_back(taken)
    assert slots.take_large(1) == taken


@pytest.mark.parametrize(("others_cpus", "slots"), [(0.2, 4), (0.6, 3), (2.0, 2), (3.9, 1), (9.0, 1)])
def test_cores_that_other_programs_keep_busy_are_left_to_them(others_cpus, slots):
    node = Node("a", 4)
    semaphore = Slots(per_node=8)
    semaphore.follow({"a": node})

    semaphore.yield_to(HostLoad(others_cpus, 10**9), node, min_free_bytes=10**8)

    assert semaphore.total == slots


def test_a_node_that_is_short_of_memory_gives_up_a_slot_after_the_other_and_has_them_back_afterwards():
    node = Node("a", 4)
    semaphore = Slots(per_node=8)
    semaphore.follow({"a": node})
    while semaphore.take():
        pass
    short, plenty = HostLoad(0.0, 10**6), HostLoad(0.0, 10**9)

    totals = []
    for seen in (short, short, short, short, plenty):
        semaphore.yield_to(seen, node, min_free_bytes=10**8)
        totals.append(semaphore.total)
        while semaphore.is_over(node):
            semaphore.give_back(node)

    assert totals == [3, 2, 1, 1, 4]


@given(cpus=some.lists(some.integers(0, 20), max_size=6), shards=some.integers(1, 9), per_node=some.integers(1, 8))
def test_shards_have_all_slots_of_each_node_between_them_and_none_twice(cpus, shards, per_node):
    nodes = {f"n{number}": Node(f"n{number}", count) for number, count in enumerate(cpus)}

    shares = [
        {id_: Share(shard, shards).of_node(id_, min(node.cpus, per_node)) for id_, node in nodes.items()}
        for shard in range(shards)
    ]

    for id_, node in nodes.items():
        of_node = [share[id_] for share in shares]
        assert sum(of_node) == min(node.cpus, per_node)
        assert max(of_node) - min(of_node) <= 1


def test_a_shard_without_a_share_borrows_one_slot():
    shards = [Slots(per_node=8, share=Share(shard, 4)) for shard in range(4)]

    for slots in shards:
        slots.follow({"n0": Node("n0", cpus=2)})

    assert [slots.total for slots in shards] == [1, 1, 1, 1]
    assert all(slots.take() and slots.take() is None for slots in shards)


def test_a_node_that_lost_its_work_gets_nothing_until_it_is_seen_again():
    slots = slots_of(2, 8)
    lost = slots.take()

    slots.doubt(lost)

    assert lost == Node("n1", 8)
    assert slots.is_over(lost)
    assert [node and node.id for node in (slots.take(), slots.take(), slots.take())] == ["n0", "n0", None]
    slots.follow({node.id: node for node in (Node("n0", 2), Node("n1", 8))})
    assert slots.take() == lost


def test_no_more_slots_are_used_than_a_node_declares():
    slots = Slots(per_node=8)
    slots.follow({"a": Node("a", 16, declared_slots=4), "b": Node("b", 16), "c": Node("c", 2, declared_slots=4)})

    assert [node.slots for node in slots.by_node()] == [4, 8, 2]


def test_of_equal_nodes_each_is_taken_in_turn():
    slots = slots_of(2, 2, 2)

    nodes = []
    for _ in range(6):
        node = slots.take()
        slots.give_back(node)
        nodes.append(node.id)

    assert nodes[:3] == nodes[3:]
    assert set(nodes) == {"n0", "n1", "n2"}


@pytest.mark.parametrize("shard", range(3))
def test_a_shard_without_a_share_of_the_only_node_with_the_memory_borrows_a_slot_for_a_large_photo(shard):
    slots = Slots(per_node=8, share=Share(shard, 3))
    slots.follow({"large": Node("large", 1, memory_bytes=1000), "small": Node("small", 6, memory_bytes=10)})

    assert slots.take_large(1000).id == "large"
    assert slots.take_large(1000) is None


def test_a_node_that_ran_out_of_memory_stays_small_whatever_other_programs_leave_it():
    node = Node("a", 8)
    slots = Slots(per_node=8)
    slots.follow({"a": node})

    assert slots.shrink(node, "its memory was nearly full")
    slots.yield_to(HostLoad(0.0, 10**9), node, min_free_bytes=10**8)

    assert (slots.total, slots.by_node()[0].trouble) == (7, "its memory was nearly full")
    slots.regrow()
    assert (slots.total, slots.by_node()[0].trouble) == (8, None)


@given(others_cpus=some.floats(0, 20), shards=some.integers(1, 4))
def test_each_shard_keeps_a_slot_of_a_node_that_others_use(others_cpus, shards):
    node = Node("a", 8)
    shares = [Slots(per_node=8, share=Share(shard, shards)) for shard in range(shards)]

    for one in shares:
        one.follow({"a": node})
        one.yield_to(HostLoad(others_cpus, 10**9), node, min_free_bytes=10**8)

    assert all(one.total >= 1 for one in shares)
