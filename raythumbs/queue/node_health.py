"""Node health: why a node gets fewer slots, or none, and how it gets them back."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable

from raythumbs.cluster.nodes import Node
from raythumbs.errors import NeedsMemory
from raythumbs.events import emit
from raythumbs.model.lease import Failed, Report
from raythumbs.queue.batch import BatchLost, NodeGone, NodeShort, NodeUnfit
from raythumbs.queue.slots import Slots

_FAILURES = 3
_REMEMBERED = 10_000  # photos

TryNode = Callable[[Node], Awaitable[None]]  # run an empty batch there; raises BatchLost


class NodeHealth:
    """Decides which nodes the semaphore refuses, doubts, or gives fewer slots.

    A photo that failed on one node for a reason that may pass, and that another node then renders, counts against the
    first. After three such photos in a row, without one that it renders itself, the node is refused: it may lack rights
    on the bucket, or have a wrong clock. A store that is away, or a photo that nobody may read, counts against none.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._failed: OrderedDict[str, tuple[Node, str]] = OrderedDict()  # by job: where it failed last, and why
        self._failures: Counter[str] = Counter()

    def hear(self, node: Node, report: Report) -> None:
        """Take in what a node reports of a photo."""
        job_id, outcome = report.lease.job_id, report.outcome
        if not isinstance(outcome, Failed):
            self._failures.pop(node.id, None)
            self._rendered_elsewhere(*self._failed.pop(job_id, (node, "")), rendered_by=node)
        elif outcome.error.retryable and not isinstance(outcome.error, NeedsMemory):  # where the photo is the reason
            self._failed[job_id] = node, outcome.error.reason
            self._failed.move_to_end(job_id)
            if len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)

    def forget_others(self, node_ids: set[str]) -> None:
        """Forget every node that is not among these: it has left."""
        self._failures = Counter({id_: count for id_, count in self._failures.items() if id_ in node_ids})
        self._failed = OrderedDict((job, by) for job, by in self._failed.items() if by[0].id in node_ids)

    def lost(self, node: Node, lost: BatchLost) -> bool:
        """React to a batch that a node lost; return whether its photos are innocent: the node is the reason."""
        match lost:
            case NodeUnfit():
                self._slots.refuse(node, str(lost))
                return True
            case NodeShort():
                return self._slots.shrink(node, str(lost))
            case NodeGone():
                self._slots.doubt(node)
                return True
            case _:
                return False

    async def reconsider(self, try_node: TryNode) -> None:
        """Try each refused node with an empty batch: no photo goes there before one has begun. Give each node that ran
        out of memory a slot more."""
        self._slots.regrow()
        await asyncio.gather(*(self._try_again(node, try_node) for node in self._slots.refused))

    async def _try_again(self, node: Node, try_node: TryNode) -> None:
        try:
            await try_node(node)
        except BatchLost as lost:
            emit("node.refused", node=node.id, reason=str(lost))
        else:
            self._slots.accept(node)

    def _rendered_elsewhere(self, failed_by: Node, why: str, *, rendered_by: Node) -> None:
        if failed_by.id == rendered_by.id:
            return
        self._failures[failed_by.id] += 1
        if self._failures[failed_by.id] >= _FAILURES:
            self._failures[failed_by.id] = _FAILURES - 1  # when it is tried again, one failure is enough
            self._failed = OrderedDict((job, by) for job, by in self._failed.items() if by[0].id != failed_by.id)
            self._slots.refuse(failed_by, why)
            emit("node.refused", node=failed_by.id, reason=why)
