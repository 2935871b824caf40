"""The concurrency semaphore: how many slots each node has, and which are free."""

from collections.abc import Mapping
from dataclasses import dataclass

from raythumbs.model.overview import NodeSlots

SLOT_RESOURCE = "thumb_slot"  # the same number as a resource of Ray, so that the autoscaler sees the right shape


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: its id, its CPUs, and whether it declares the resource `thumb_slot`."""

    id: str
    cpus: int
    declares_slots: bool = False


class Slots:
    """Counts slots: at most `per_node` on a node and never more than its CPUs; `in_all` bounds their sum."""

    def __init__(self, *, per_node: int, in_all: int | None = None) -> None:
        self._per_node = per_node
        self._in_all = in_all
        self._nodes: dict[str, Node] = {}
        self._busy: dict[str, int] = {}

    def follow(self, nodes: Mapping[str, Node]) -> None:
        """Know these nodes and no others. What runs on a node that went away keeps its slot until it is given back."""
        self._nodes = dict(nodes)

    def take(self) -> Node | None:
        """Take a slot on the node with the most free ones, or return None if there is none."""
        if self._in_all is not None and self.busy >= self._in_all:
            return None
        free = {id_: self._size(node) - self._busy.get(id_, 0) for id_, node in self._nodes.items()}
        best = max(free, key=lambda id_: (free[id_], id_), default=None)
        if best is None or free[best] <= 0:
            return None
        self._busy[best] = self._busy.get(best, 0) + 1
        return self._nodes[best]

    def give_back(self, node: Node) -> None:
        """Return a slot that was taken."""
        self._busy[node.id] -= 1
        if not self._busy[node.id]:
            del self._busy[node.id]

    @property
    def busy(self) -> int:
        """Slots in use."""
        return sum(self._busy.values())

    @property
    def total(self) -> int:
        """Slots there are."""
        slots = sum(self._size(node) for node in self._nodes.values())
        return slots if self._in_all is None else min(slots, self._in_all)

    def by_node(self) -> tuple[NodeSlots, ...]:
        """Return each node's share."""
        return tuple(
            NodeSlots(node=id_, cpus=node.cpus, slots=self._size(node), busy=self._busy.get(id_, 0))
            for id_, node in sorted(self._nodes.items())
        )

    def _size(self, node: Node) -> int:
        return min(node.cpus, self._per_node)
