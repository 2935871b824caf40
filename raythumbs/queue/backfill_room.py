"""The room for backfills: how many photos may wait at LOW priority before a backfill enqueues no more."""

import math
import time
from collections.abc import Callable

from raythumbs.db.backfills import Backfills
from raythumbs.db.record import Record
from raythumbs.errors import Overloaded

_COUNTED_SECONDS = 10  # how old a count may be, while the backlog cannot be over its limit


class LowRoom:
    """Counts the photos that wait at LOW priority only when there could be too many, because counting is slow."""

    def __init__(self, record: Record, *, shards: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._record = record
        self._shards = shards
        self._most = most
        self._clock = clock
        self._counted_at = -math.inf
        self._waiting = 0

    def took(self, jobs: int) -> None:
        """Raise the backlog's upper bound by `jobs`."""
        self._waiting += jobs

    async def check(self) -> None:
        """Return if a page may be enqueued, else raise Overloaded."""
        now, before = self._clock(), self._waiting
        if before >= self._most or now >= self._counted_at + _COUNTED_SECONDS:
            self._counted_at = now
            counted = await self._record.read(
                lambda db: Backfills(db).low_waiting(shards=self._shards, limit=self._most)
            )
            self._waiting += counted - before  # what was added in the meantime stays added
        if self._waiting >= self._most:
            raise Overloaded(f"{self._most} photos wait at LOW priority; backfills go on when fewer wait")
