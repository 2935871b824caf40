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
        """Return how many of a node's slots are this shard's. What cannot be divided goes to other shards on other
        nodes."""
        first = zlib.crc32(node_id.encode()) % self.shards
        return slots // self.shards + ((self.shard - first) % self.shards < slots % self.shards)


WHOLE = Share()


class Slots:
    """Counts slots: at most `per_node` on a node and never more than its CPUs; `in_all` bounds their sum.

    Of several shards each has its share of every node's.
    """

    def __init__(self, *, per_node: int, in_all: int | None = None, share: Share = WHOLE) -> None:
        self._per_node = per_node
        self._in_all = in_all
        self._share = share
        self._nodes: dict[str, Node] = {}
        self._busy: dict[str, int] = {}
        self._yielded: dict[str, int] = {}
        self._with_large: set[str] = set()
        self._borrowed: str | None = None
        self._unfit: dict[str, str] = {}
        self._short: dict[str, str] = {}
        self._most_memory_bytes = 0
        self._taken = 0
        self._last_taken: dict[str, int] = {}

    def follow(self, nodes: Mapping[str, Node]) -> None:
        """Know these nodes and no others. What runs on a node that went away keeps its slot until it is given back."""
        self._nodes = dict(nodes)
        self._most_memory_bytes = max([self._most_memory_bytes, *(node.memory_bytes for node in nodes.values())])
        self._unfit = {id_: why for id_, why in self._unfit.items() if id_ in nodes}
        self._short = {id_: why for id_, why in self._short.items() if id_ in nodes}
        self._yielded = {id_: slots for id_, slots in self._yielded.items() if id_ in nodes}
        self._last_taken = {id_: turn for id_, turn in self._last_taken.items() if id_ in nodes}
        self._borrowed = self._without_share()

    def doubt(self, node: Node) -> None:
        """Give nothing to a node that has lost its work, until `follow` tells of it again."""
        self._nodes.pop(node.id, None)

    def take(self) -> Node | None:
        """Take a slot on the node with the most free ones, or return None if there is none. Of equal nodes it is the
        one that was not taken for the longest time: what failed on one comes to another."""
        return self._take(self._nodes)

    def take_large(self, needed_bytes: int) -> Node | None:
        """Take a slot for a photo that needs so much memory: on a node that has it, and has no other such photo. A
        shard without a share of such a node borrows one."""
        having = [node.id for node in self._nodes.values() if node.memory_bytes >= needed_bytes]
        node = self._take([id_ for id_ in having if id_ not in self._with_large], at_least=1)
        if node:
            self._with_large.add(node.id)
        return node

    def has_memory(self, needed_bytes: int) -> bool:
        """Return whether any node has so much, or one had that may have a successor."""
        return needed_bytes <= self._most_memory_bytes

    def give_back_large(self, node: Node) -> None:
        """Return a slot that was taken for a large photo."""
        self._with_large.discard(node.id)
        self.give_back(node)

    def _take(self, among: Iterable[str], *, at_least: int = 0) -> Node | None:
        if self._in_all is not None and self.busy >= self._in_all:
            return None
        nodes = [self._nodes[id_] for id_ in among]
        sizes = {node.id: max(self._size(node), min(at_least, self._whole(node))) for node in nodes}
        free = {id_: slots - self._busy.get(id_, 0) for id_, slots in sizes.items()}
        best = max(free, key=lambda id_: (free[id_], -self._last_taken.get(id_, 0), id_), default=None)
        if best is None or free[best] <= 0:
            return None
        self._busy[best] = self._busy.get(best, 0) + 1
        self._taken += 1
        self._last_taken[best] = self._taken
        return self._nodes[best]

    def give_back(self, node: Node) -> None:
        """Return a slot that was taken."""
        self._busy[node.id] -= 1
        if not self._busy[node.id]:
            del self._busy[node.id]

    def yield_to(self, seen: HostLoad, node: Node, *, min_free_bytes: int) -> None:
        """Leave a node's cores to other programs that keep them busy, and give up a slot as long as its memory is
        short; a slot of each shard stays, or nobody would see that it is over."""
        wanted = round(node.cpus - seen.others_cpus)
        if seen.available_bytes < min_free_bytes:
            wanted = min(wanted, self._busy.get(node.id, 0) * self._share.shards - 1)
        self._yielded[node.id] = max(self._share.shards, wanted)

    def shrink(self, node: Node, why: str) -> bool:
        """Use a slot fewer of a node that ran out of memory, until `regrow`; return whether it had one to spare."""
        if self._whole(node) <= 1:
            return False
        self._yielded[node.id] = self._whole(node) - 1
        self._short[node.id] = why
        return True

    def regrow(self) -> None:
        """Use a slot more of each node that was short of memory."""
        for id_ in self._short.keys() & self._nodes.keys():
            self._yielded[id_] += 1
            if self._yielded[id_] > self._whole(self._nodes[id_]) or self._yielded[id_] >= self._per_node:
                del self._yielded[id_], self._short[id_]

    def refuse(self, node: Node, why: str) -> None:
        """Use no slot of a node, because nothing that runs there comes to an end."""
        self._unfit[node.id] = why

    def accept(self, node: Node) -> None:
        """Use a node again that was refused."""
        self._unfit.pop(node.id, None)

    @property
    def refused(self) -> list[Node]:
        """The nodes that are not used."""
        return [self._nodes[id_] for id_ in self._unfit if id_ in self._nodes]

    def is_over(self, node: Node) -> bool:
        """Return whether more of a node's slots are in use than it has, or it is gone: what runs there is to end."""
        return self._busy.get(node.id, 0) > (self._size(self._nodes[node.id]) if node.id in self._nodes else 0)

    @property
    def busy(self) -> int:
        """Slots in use."""
        return sum(self._busy.values())

    @property
    def are_declared(self) -> bool:
        """Whether nodes declare their slots to Ray; as long as there is no node, those to come are taken to."""
        return not self._nodes or any(node.declared_slots is not None for node in self._nodes.values())

    @property
    def total(self) -> int:
        """Slots there are."""
        slots = sum(self._size(node) for node in self._nodes.values())
        return slots if self._in_all is None else min(slots, self._in_all)

    @property
    def total_of_all(self) -> int:
        """Slots there are for all shards."""
        return self.total if self._share == WHOLE else sum(map(self._whole, self._nodes.values()))

    def by_node(self) -> tuple[NodeSlots, ...]:
        """Return each node's share."""
        return tuple(
            NodeSlots(
                node=id_,
                cpus=node.cpus,
                slots=self._size(node),
                busy=self._busy.get(id_, 0),
                trouble=self._unfit.get(id_, self._short.get(id_)),
            )
            for id_, node in sorted(self._nodes.items())
        )

    def _size(self, node: Node) -> int:
        if node.id == self._borrowed:
            return min(1, self._whole(node))
        return self._share.of_node(node.id, self._whole(node))

    def _whole(self, node: Node) -> int:
        if node.id in self._unfit:
            return 0
        declared = node.cpus if node.declared_slots is None else node.declared_slots
        return min(node.cpus, declared, self._per_node, self._yielded.get(node.id, node.cpus))

    def _without_share(self) -> str | None:
        """Return the node to borrow a slot on, where there are fewer slots than shards and this one has none: its
        photos have to be rendered too. Ray lets its tasks wait for a CPU."""
        whole = {node.id: self._whole(node) for node in self._nodes.values()}
        if any(self._share.of_node(id_, slots) for id_, slots in whole.items()):
            return None
        return max((id_ for id_, slots in whole.items() if slots), key=lambda id_: (whole[id_], id_), default=None)
