"""The lane of large photos: those that need more memory than an ordinary worker gives, one at a time on each node."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from raythumbs.cluster.nodes import Node
from raythumbs.model.lease import Lease
from raythumbs.queue.slots import Slots

_PATIENCE_SECONDS = 600.0  # for a node like one that has left


@dataclass(frozen=True, slots=True)
class LargePhoto:
    """A lease that waits for a node which has the memory that it needs, in bytes."""

    lease: Lease
    needed_bytes: int


class LargeLane:
    """Large photos that wait for their node, `places` at most. A node that left is expected back for ten minutes."""

    def __init__(self, slots: Slots, *, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self._places = places
        self._clock = clock
        self._waiting: list[LargePhoto] = []
        self._seen_at: dict[int, float] = {}  # by a node's memory, in bytes: when one with so much was last there

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def leases(self) -> list[Lease]:
        """Those that wait."""
        return [photo.lease for photo in self._waiting]

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return len(self._waiting) >= self._places

    def follow(self, nodes: Iterable[Node]) -> None:
        """Note how much memory the nodes have that are there."""
        now = self._clock()
        self._seen_at |= {node.memory_bytes: now for node in nodes}
        self._seen_at = {size: at for size, at in self._seen_at.items() if now - at <= _PATIENCE_SECONDS}

    def fits(self, needed_bytes: int) -> bool:
        """Return whether a node has so much memory, or had it in the last ten minutes."""
        now = self._clock()
        return any(size >= needed_bytes and now - at <= _PATIENCE_SECONDS for size, at in self._seen_at.items())

    def wants(self, node: Node) -> bool:
        """Return whether a photo waits that this node has the memory for."""
        return any(photo.needed_bytes <= node.memory_bytes for photo in self._waiting)

    def add(self, lease: Lease, needed_bytes: int) -> None:
        """Let a photo wait."""
        self._waiting.append(LargePhoto(lease, needed_bytes))

    def clear(self) -> None:
        """Forget the photos that wait: they are queued again."""
        self._waiting = []

    def take(self) -> list[tuple[Node, LargePhoto]]:
        """Return each photo that can begin now, with the node on which a slot was taken for it."""
        tried = [(self._slots.take_large(photo.needed_bytes), photo) for photo in self._waiting]
        self._waiting = [photo for node, photo in tried if node is None]
        return [(node, photo) for node, photo in tried if node is not None]

    def give_up(self) -> list[LargePhoto]:
        """Return, and forget, the photos that no node has had the memory for in ten minutes."""
        hopeless = [photo for photo in self._waiting if not self.fits(photo.needed_bytes)]
        self._waiting = [photo for photo in self._waiting if self.fits(photo.needed_bytes)]
        return hopeless
