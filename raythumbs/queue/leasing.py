"""How many jobs are leased at once, and in which order of priorities."""

import math
from dataclasses import dataclass
from itertools import islice

from raythumbs.db.database import Connection
from raythumbs.db.leases import Leases
from raythumbs.db.queue_states import QueueStates
from raythumbs.model.job import Priority
from raythumbs.model.lease import Lease

_BATCH_SECONDS = 0.5  # of work: long enough to hide Ray's cost per task, short enough that no person waits
_BATCH_PHOTOS = 32
_LEAST_HELPING_SECONDS = 0.05  # of work: asking for the last photos one by one costs more than an uneven end
PLENTY = 256
_AGED_OF_LEASINGS = 10


@dataclass(frozen=True, slots=True)
class Capacity:
    """The slots of all nodes, and the seconds that a slot needs for one photo."""

    slots: int
    photo_seconds: float


class Leasing:
    """Leases the jobs of a shard for so many seconds, in a transaction of the caller's.

    While the queue is paused it leases none. It asks in the same transaction, so a pause holds for every shard at once.
    """

    def __init__(self, shard: int, lease_seconds: float) -> None:
        self._shard = shard
        self._lease_seconds = lease_seconds
        self._leasings = 0

    def batches(self, db: Connection, now: float, *, batches: int, capacity: Capacity) -> list[list[Lease]]:
        """Return the leases of up to so many new batches. Each has some; the last photos are spread over all slots."""
        if QueueStates(db).get().is_paused:
            return []
        jobs = Leases(db, self._shard)
        most = max(1, min(_BATCH_PHOTOS, round(_BATCH_SECONDS / capacity.photo_seconds)))
        slots = max(batches, capacity.slots)
        waiting = _waiting(jobs, now=now, most=most * slots)
        shares = [(waiting + slots - 1 - place) // slots for place in range(batches)]
        return jobs.lease_next(
            [n for n in shares if n],
            now=now,
            lease_seconds=self._lease_seconds,
            priorities=self._order(jobs, now=now),
        )

    def more(self, db: Connection, now: float, *, rooms: list[int], capacity: Capacity) -> list[list[Lease]]:
        """Return more leases for each running batch that asks. The last photos are spread in ever smaller helpings."""
        if QueueStates(db).get().is_paused:
            return [[] for _ in rooms]
        jobs = Leases(db, self._shard)
        shares = 2 * max(1, capacity.slots)
        waiting = _waiting(jobs, now=now, most=max(rooms) * shares)
        least = round(_LEAST_HELPING_SECONDS / capacity.photo_seconds)
        helpings = [min(room, max(least, math.ceil(waiting / shares))) for room in rooms]
        leases = jobs.lease_more(
            sum(helpings),
            now=now,
            lease_seconds=self._lease_seconds,
            priorities=self._order(jobs, now=now),
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
    counted = min(most, PLENTY)
    waiting = jobs.waiting(now=now, limit=counted)
    return waiting if waiting < counted else most
