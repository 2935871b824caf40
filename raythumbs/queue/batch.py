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
        """Whether more leases may join. Each lease of a lost batch runs alone, to find the photo that ended it."""
        return self.memory_bytes is None and not any(lease.losses for lease in self.leases)


RunBatch = Callable[[Batch], AsyncIterator[Reports]]


class BatchLost(Exception):
    """The task ended without reporting all of its batch. Each subclass tells why."""


class TaskLost(BatchLost):
    """The task died or fell silent. One of its photos may be the reason."""


class TaskRaised(BatchLost):
    """The task's own code raised an error: a bug of the service, which is no photo's fault."""


class NodeGone(BatchLost):
    """The node left, or Ray did not begin the task there. No photo is the reason."""


class NodeShort(BatchLost):
    """Ray ended the task because its node ran out of memory."""


class NodeUnfit(BatchLost):
    """The task could not begin, because its node lacks something: the package, or the queue's version of it."""
