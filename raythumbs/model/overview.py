"""What there is to see of the whole queue at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from raythumbs.model.job import Priority, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Jobs by state; the waiting ones by priority; the age of the longest due one; how many are not due, for they wait
    for another try; photos a second, last minute."""

    states: Mapping[State, int]
    backlog: Mapping[Priority, int]
    backlog_age_seconds: float
    retries_waiting: int
    photos_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSlots:
    """A node's CPUs, its slots, and how many of these are in use; what is the matter where not all can be used."""

    node: str
    cpus: int
    slots: int
    busy: int
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The overview of the record; the slots: each node's, those in use, those there are; the photos that are leased;
    the reports, since the queue was started, of attempts that had lost their lease, which changed nothing."""

    overview: Overview
    nodes: tuple[NodeSlots, ...]
    busy: int
    total: int
    running: int
    late_reports: int
    draining: bool

    @classmethod
    def of_shards(cls, shards: Sequence["Status"]) -> "Status":
        """Return what there is to see of all shards of a queue: the record is the same, and the slots are shares."""
        return cls(
            overview=shards[0].overview,
            nodes=tuple(_together(nodes) for nodes in _by_node(shards).values()),
            busy=sum(one.busy for one in shards),
            total=sum(one.total for one in shards),
            running=sum(one.running for one in shards),
            late_reports=sum(one.late_reports for one in shards),
            draining=any(one.draining for one in shards),
        )


def _by_node(shards: Sequence[Status]) -> dict[str, list[NodeSlots]]:
    nodes: dict[str, list[NodeSlots]] = {}
    for one in shards:
        for node in one.nodes:
            nodes.setdefault(node.node, []).append(node)
    return nodes


def _together(shares: Sequence[NodeSlots]) -> NodeSlots:
    return NodeSlots(
        node=shares[0].node,
        cpus=shares[0].cpus,
        slots=sum(share.slots for share in shares),
        busy=sum(share.busy for share in shares),
        trouble=next((share.trouble for share in shares if share.trouble), None),
    )
