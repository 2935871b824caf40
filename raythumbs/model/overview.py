"""Figures of the whole queue at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from raythumbs.model.job import Priority, State
from raythumbs.model.queue_state import QueueState


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Figures of the record.

    `states` counts jobs by state, and `backlog` the queued ones by priority. `backlog_age_seconds` is how long the
    oldest due job has waited; `backlog_ages_seconds` tells it by priority, without retries that have just become due.
    `retries_waiting` counts jobs that wait for a retry which is not due yet. `photos_per_second` is the rate of the
    last minute.
    """

    states: Mapping[State, int]
    backlog: Mapping[Priority, int]
    backlog_age_seconds: float
    backlog_ages_seconds: Mapping[Priority, float]
    retries_waiting: int
    photos_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSlots:
    """A node's address in the network, its CPUs, its slots, how many of them are in use, and why not all of them can be
    used, if so. `node` is its id."""

    node: str
    address: str
    cpus: int
    slots: int
    busy: int
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Figures of the record and of the slots.

    `nodes` has the slots of each node; `busy` and `total` count the slots in use and all slots. `running` counts leased
    photos. `late_reports` counts reports, since the queue started, of attempts that had lost their lease.
    """

    overview: Overview
    nodes: tuple[NodeSlots, ...]
    busy: int
    total: int
    running: int
    late_reports: int
    draining: bool
    queue: QueueState

    @classmethod
    def of_shards(cls, shards: Sequence["Status"]) -> "Status":
        """Add up the figures of all shards. They share one record, and each has a share of the slots."""
        return cls(
            overview=shards[0].overview,
            nodes=tuple(_added_up(nodes) for nodes in _by_node(shards).values()),
            busy=sum(one.busy for one in shards),
            total=sum(one.total for one in shards),
            running=sum(one.running for one in shards),
            late_reports=sum(one.late_reports for one in shards),
            draining=any(one.draining for one in shards),
            queue=shards[0].queue.with_running(sum(one.queue.running for one in shards)),
        )


def _by_node(shards: Sequence[Status]) -> dict[str, list[NodeSlots]]:
    nodes: dict[str, list[NodeSlots]] = {}
    for one in shards:
        for node in one.nodes:
            nodes.setdefault(node.node, []).append(node)
    return nodes


def _added_up(shares: Sequence[NodeSlots]) -> NodeSlots:
    return NodeSlots(
        node=shares[0].node,
        address=shares[0].address,
        cpus=shares[0].cpus,
        slots=sum(share.slots for share in shares),
        busy=sum(share.busy for share in shares),
        trouble=next((share.trouble for share in shares if share.trouble), None),
    )
