"""The lane of the large: photos that need more memory than an ordinary worker gives, one at a time on each node."""

from collections.abc import Iterator

from raythumbs.cluster.nodes import Node
from raythumbs.model.lease import Lease
from raythumbs.queue.slots import Slots

_PLACES = 32  # more of them wait in the database


class LargeLane:
    """Leases that wait for a node which has the memory that they need, in bytes."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._waiting: list[tuple[Lease, int]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def leases(self) -> list[Lease]:
        """Those that wait."""
        return [lease for lease, _ in self._waiting]

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return len(self._waiting) >= _PLACES

    def fits(self, needed_bytes: int) -> bool:
        """Return whether any node has so much."""
        return self._slots.has_memory(needed_bytes)

    def add(self, lease: Lease, needed_bytes: int) -> None:
        """Let it wait."""
        self._waiting.append((lease, needed_bytes))

    def clear(self) -> None:
        """Let go of them: they are queued again."""
        self._waiting = []

    def take(self) -> Iterator[tuple[Node, Lease, int]]:
        """Give each that can begin now, with the node whose slot is taken for it and the memory that it needs."""
        waiting, self._waiting = self._waiting, []
        for lease, needed_bytes in waiting:
            if node := self._slots.take_large(needed_bytes):
                yield node, lease, needed_bytes
            else:
                self._waiting.append((lease, needed_bytes))
