"""The concurrency semaphore: how many slots each node has, and which are free."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from raythumbs.cluster.nodes import Node
from raythumbs.model.overview import NodeSlots
from raythumbs.worker.host_load import HostLoad


@dataclass(frozen=True, slots=True)
class Share:
    """A shard's part of the slots: its number, from 0 on, of how many."""

    shard: int = 0
    shards: int = 1

    def of_node(self, node_id: str, slots: int) -> int:
        """Return how many of a node's slots are this shard's. The remainder of the division goes to another shard on
        each node."""
        first = zlib.crc32(node_id.encode()) % self.shards
        return slots // self.shards + ((self.shard - first) % self.shards < slots % self.shards)


WHOLE = Share()


@dataclass(slots=True)
class _NodeRecord:
    """What the semaphore knows of one node: its slots in use, and each reason why it has fewer than its CPUs."""

    node: Node
    is_there: bool = True  # False: the node has left, or has lost a batch and was not seen since
    busy: int = 0
    has_large: bool = False
    last_taken: int = 0
    yielded_to: int | None = None  # slots that other programs leave
    short_to: int | None = None  # slots that its memory allows, since it ran out of it
    why_short: str | None = None
    why_unfit: str | None = None

    def slots(self, per_node: int) -> int:
        """Return how many slots it has for all shards."""
        if not self.is_there or self.why_unfit is not None:
            return 0
        limits = (self.node.declared_slots, self.yielded_to, self.short_to)
        return min(self.node.cpus, per_node, *(limit for limit in limits if limit is not None))


class Slots:
    """Counts slots: at most `per_node` on a node and never more than its CPUs; `in_all` bounds their sum.

    With several shards, each has its share of every node's slots.
    """

    def __init__(self, *, per_node: int, in_all: int | None = None, share: Share = WHOLE) -> None:
        self._per_node = per_node
        self._in_all = in_all
        self._share = share
        self._records: dict[str, _NodeRecord] = {}
        self._borrowed: str | None = None
        self._taken = 0

    # --- which nodes there are

    def follow(self, nodes: Mapping[str, Node]) -> None:
        """Use these nodes and no others. A batch on a node that left keeps its slot until it gives it back."""
        left = {id_: one for id_, one in self._records.items() if id_ not in nodes and one.busy}
        for record in left.values():
            record.is_there = False
        self._records = left | {id_: self._seen(node) for id_, node in nodes.items()}
        self._borrowed = self._without_share()

    def _seen(self, node: Node) -> _NodeRecord:
        record = self._records.get(node.id) or _NodeRecord(node)
        record.node, record.is_there = node, True
        return record

    def doubt(self, node: Node) -> None:
        """Give nothing to a node that has lost a batch, until `follow` names it again."""
        self._of(node).is_there = False

    # --- taking slots and giving them back

    def take(self) -> Node | None:
        """Take a slot on the node with the most free ones, or return None if there is none. Of equal nodes, take the
        one that was not taken for the longest time: a photo that failed on one node then comes to another."""
        return self._take(self._there)

    def take_large(self, needed_bytes: int) -> Node | None:
        """Take a slot for a photo that needs so much memory: on a node that has it, and has no other such photo. A
        shard without a share of such a node borrows one."""
        having = [one for one in self._there if one.node.memory_bytes >= needed_bytes and not one.has_large]
        node = self._take(having, at_least=1)
        if node:
            self._of(node).has_large = True
        return node

    def give_back(self, node: Node) -> None:
        """Return a slot that was taken."""
        self._of(node).busy -= 1

    def give_back_large(self, node: Node) -> None:
        """Return a slot that was taken for a large photo."""
        self._of(node).has_large = False
        self.give_back(node)

    def _take(self, among: Iterable[_NodeRecord], *, at_least: int = 0) -> Node | None:
        if self._in_all is not None and self.busy >= self._in_all:
            return None
        free = {one.node.id: max(self._size(one), min(at_least, self._whole(one))) - one.busy for one in among}
        best = max(free, key=lambda id_: (free[id_], -self._records[id_].last_taken, id_), default=None)
        if best is None or free[best] <= 0:
            return None
        record = self._records[best]
        self._taken += 1
        record.busy, record.last_taken = record.busy + 1, self._taken
        return record.node

    # --- why a node has fewer

    def yield_to(self, seen: HostLoad, node: Node, *, min_free_bytes: int) -> None:
        """Leave a node's cores to other programs that keep them busy, and give up a slot as long as its memory is
        short. One slot of each shard stays, because only a worker there can see that the node is free again."""
        record = self._of(node)
        wanted = round(node.cpus - seen.others_cpus)
        if seen.available_bytes < min_free_bytes:
            wanted = min(wanted, record.busy * self._share.shards - 1)
        record.yielded_to = max(self._share.shards, wanted)

    def shrink(self, node: Node, why: str) -> bool:
        """Use a slot fewer of a node that ran out of memory, until `regrow`; return whether it had one to spare."""
        record = self._of(node)
        slots = self._whole(record)
        if slots <= 1:
            return False
        record.short_to, record.why_short = slots - 1, why
        return True

    def regrow(self) -> None:
        """Use a slot more of each node that ran out of memory."""
        for record in self._there:
            if record.short_to is None:
                continue
            record.short_to += 1
            if record.short_to >= min(record.node.cpus, self._per_node):
                record.short_to = record.why_short = None

    def refuse(self, node: Node, why: str) -> None:
        """Use no slot of a node where no batch comes to its end."""
        self._of(node).why_unfit = why

    def accept(self, node: Node) -> None:
        """Use a node again that was refused."""
        self._of(node).why_unfit = None

    # --- to look at

    @property
    def refused(self) -> list[Node]:
        """The nodes that are not used."""
        return [one.node for one in self._there if one.why_unfit is not None]

    def is_over(self, node: Node) -> bool:
        """Return whether a node has more slots in use than it should have, or has left: batches there are to end."""
        record = self._of(node)
        return record.busy > self._size(record)

    @property
    def busy(self) -> int:
        """Slots in use."""
        return sum(one.busy for one in self._records.values())

    @property
    def are_declared(self) -> bool:
        """Whether nodes declare their slots to Ray. Without any node, assume that those to come will."""
        there = self._there
        return not there or any(one.node.declared_slots is not None for one in there)

    @property
    def total(self) -> int:
        """Slots of this shard."""
        slots = sum(map(self._size, self._there))
        return slots if self._in_all is None else min(slots, self._in_all)

    @property
    def total_of_all(self) -> int:
        """Slots of all shards."""
        return self.total if self._share == WHOLE else sum(map(self._whole, self._there))

    def by_node(self) -> tuple[NodeSlots, ...]:
        """Return each node's share."""
        return tuple(
            NodeSlots(
                node=one.node.id,
                address=one.node.address,
                cpus=one.node.cpus,
                slots=self._size(one),
                busy=one.busy,
                trouble=one.why_unfit or one.why_short,
            )
            for one in sorted(self._there, key=lambda one: one.node.id)
        )

    @property
    def _there(self) -> list[_NodeRecord]:
        return [one for one in self._records.values() if one.is_there]

    def _of(self, node: Node) -> _NodeRecord:
        """Return a node's record; a node that has left and has nothing in use gets one that is not kept."""
        return self._records.get(node.id) or _NodeRecord(node, is_there=False)

    def _size(self, record: _NodeRecord) -> int:
        whole = self._whole(record)
        if record.node.id == self._borrowed:
            return min(1, whole)
        return self._share.of_node(record.node.id, whole)

    def _whole(self, record: _NodeRecord) -> int:
        return record.slots(self._per_node)

    def _without_share(self) -> str | None:
        """Return the node to borrow a slot on, where there are fewer slots than shards and this shard has none: its
        photos must be rendered too. Ray lets its tasks wait for a CPU."""
        whole = {one.node.id: self._whole(one) for one in self._there}
        if any(self._share.of_node(id_, slots) for id_, slots in whole.items()):
            return None
        return max((id_ for id_, slots in whole.items() if slots), key=lambda id_: (whole[id_], id_), default=None)
