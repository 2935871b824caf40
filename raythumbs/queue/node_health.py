"""Finds the node that fails what others render: one without rights on the bucket, or with a wrong clock."""

from collections import Counter, OrderedDict

from raythumbs.cluster.nodes import Node
from raythumbs.errors import NeedsMemory
from raythumbs.events import emit
from raythumbs.model.lease import Failed, Report
from raythumbs.queue.slots import Slots

_STRIKES = 3
_REMEMBERED = 10_000  # photos


class NodeHealth:
    """A photo that failed on one node, for a reason that may pass, and was then rendered by another, speaks against the
    first. Three of them, and not one that it renders itself in between, and the node is refused.

    So neither a store that is away, nor a photo that nobody may read, is ever blamed on a node.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._failed: OrderedDict[str, tuple[Node, str]] = OrderedDict()  # by job: where it failed last, and why
        self._strikes: Counter[str] = Counter()

    def hear(self, node: Node, report: Report) -> None:
        """Take in what a node reports of a photo."""
        job_id, outcome = report.lease.job_id, report.outcome
        if not isinstance(outcome, Failed):
            self._strikes.pop(node.id, None)
            self._strike(*self._failed.pop(job_id, (node, "")), rendered_by=node)
        elif outcome.error.retryable and not isinstance(outcome.error, NeedsMemory):  # which is the photo's
            self._failed[job_id] = node, outcome.error.reason
            self._failed.move_to_end(job_id)
            if len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)

    def _strike(self, failed_by: Node, why: str, *, rendered_by: Node) -> None:
        if failed_by.id == rendered_by.id:
            return
        self._strikes[failed_by.id] += 1
        if self._strikes[failed_by.id] >= _STRIKES:
            self._strikes[failed_by.id] = _STRIKES - 1  # when it is tried again, one will do
            self._failed = OrderedDict((job, by) for job, by in self._failed.items() if by[0].id != failed_by.id)
            self._slots.refuse(failed_by, why)
            emit("node.refused", node=failed_by.id, reason=why)
