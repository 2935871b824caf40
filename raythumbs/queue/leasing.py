"""Leases as many jobs as slots can begin now: for new batches, and for batches at work that ask for more."""

import math
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from raythumbs.cluster.nodes import Node
from raythumbs.db.database import Connection
from raythumbs.db.leases import Leases
from raythumbs.db.queue_states import QueueStates
from raythumbs.model.job import Priority
from raythumbs.model.lease import Lease
from raythumbs.queue.slots import Slots

_BATCH_SECONDS = 0.5  # of work: long enough to hide Ray's cost per task, short enough that no person waits
_BATCH_PHOTOS = 32
_LEAST_HELPING_SECONDS = 0.05  # of work: asking for the last photos one by one costs more than an uneven end
_PLENTY = 256
_AGED_OF_LEASINGS = 10


class Room(NamedTuple):
    """How many more leases a batch at work takes, and its node."""

    leases: int
    node: Node


class Leasing:
    """Leases the jobs of a shard, each call in a transaction. `photo_seconds` is the time that a slot needs for a
    photo."""

    def __init__(self, slots: Slots, *, shard: int, lease_seconds: float, photo_seconds: Callable[[], float]) -> None:
        self._slots = slots
        self._shard = shard
        self._lease_seconds = lease_seconds
        self._photo_seconds = photo_seconds
        self._leasings = 0

    def batches(self, db: Connection, now: float, *, nodes: Sequence[Node]) -> list[list[Lease]]:
        """Lease a batch for a slot of each of these nodes, the first nodes first. There may be too few jobs for all."""
        if QueueStates(db).get().is_paused:  # asked in the same transaction, so a pause holds for every shard at once
            return []
        jobs = Leases(db, self._shard)
        most = max(1, min(_BATCH_PHOTOS, round(_BATCH_SECONDS / self._photo_seconds())))
        slots = max(len(nodes), self._slots.total)
        waiting = _waiting(jobs, now=now, most=most * slots)
        shares = [(waiting + slots - 1 - place) // slots for place in range(len(nodes))]  # the last photos are spread
        return jobs.lease_next(
            [n for n in shares if n],
            now=now,
            lease_seconds=self._lease_seconds,
            priorities=self._order(jobs, now=now),
            nodes=[node.name for node in nodes],
        )

    def more(self, db: Connection, now: float, *, rooms: Sequence[Room]) -> list[list[Lease]]:
        """Lease jobs to join each of these batches."""
        if QueueStates(db).get().is_paused:
            return [[] for _ in rooms]
        jobs = Leases(db, self._shard)
        shares = 2 * max(1, self._slots.total)  # the last photos are spread, in ever smaller helpings
        waiting = _waiting(jobs, now=now, most=max(room.leases for room in rooms) * shares)
        least = round(_LEAST_HELPING_SECONDS / self._photo_seconds())
        helpings = [min(room.leases, max(least, math.ceil(waiting / shares))) for room in rooms]
        leases = jobs.lease_more(
            sum(helpings),
            now=now,
            lease_seconds=self._lease_seconds,
            priorities=self._order(jobs, now=now),
            nodes=[room.node.name for room, helping in zip(rooms, helpings, strict=True) for _ in range(helping)],
        )
        following = iter(leases)
        return [list(islice(following, helping)) for helping in helpings]

    def _order(self, jobs: Leases, *, now: float) -> list[Priority]:
        """Return the priorities in the order in which they are served: the most urgent first.

        Every tenth time, the priority whose job has waited longest is first, so that a steady stream of urgent photos
        never stops a backfill."""
        self._leasings += 1
        patient = None if self._leasings % _AGED_OF_LEASINGS else jobs.longest_waiting(now=now)
        return sorted(Priority, key=lambda priority: (priority is not patient, priority.rank))


def _waiting(jobs: Leases, *, now: float, most: int) -> int:
    """Return how many jobs wait, up to `most`. Beyond some hundreds, assume `most`: counting thousands took as long as
    leasing them."""
    counted = min(most, _PLENTY)
    waiting = jobs.waiting(now=now, limit=counted)
    return waiting if waiting < counted else most
