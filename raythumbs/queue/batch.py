"""A batch: the leases that one Ray task renders. It may grow while it runs: see `Dispatcher.more`."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from raythumbs.cluster.nodes import Node
from raythumbs.model.lease import Lease
from raythumbs.worker.pipeline import Reports


@dataclass(frozen=True, slots=True)
class Batch:
    """A ticket, by which it asks for more; its node; its first leases; the memory of a large photo, in bytes."""

    ticket: int
    node: Node
    leases: tuple[Lease, ...]
    memory_bytes: int | None = None

    @property
    def may_grow(self) -> bool:
        """Whether others may join. Not one that was lost before: the next loss must tell who is to blame."""
        return self.memory_bytes is None and not any(lease.losses for lease in self.leases)


RunBatch = Callable[[Batch], AsyncIterator[Reports]]


class BatchLost(Exception):
    """The task ended without reporting all of its batch; `blameless` where its node, not a photo, is the reason."""

    def __init__(self, reason: str, *, blameless: bool) -> None:
        super().__init__(reason)
        self.blameless = blameless


class NodeShort(BatchLost):
    """Ray ended the task because its node ran out of memory."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, blameless=False)


class NodeUnfit(BatchLost):
    """The task could not even begin, because its node has not what it takes: the package, in the queue's version."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, blameless=True)
