"""How fast backfills go, and how long they will take."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from raythumbs.model.backfill import Backfill, BackfillState

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    listed: int
    enqueued: int


class Speeds:
    """What was seen of each backfill within the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, deque[_Seen]] = {}

    def saw(self, backfill: Backfill) -> None:
        """Remember how far a backfill is. One of the looks of each second is kept."""
        now = self._clock()
        seen = self._seen.setdefault(backfill.id, deque(maxlen=2 * int(_SECONDS)))
        if not seen or now >= seen[-1].at + 1:
            seen.append(_Seen(now, backfill.listed, backfill.enqueued))

    def forget_all_but(self, ids: set[str]) -> None:
        """Forget the backfills that no longer list."""
        for backfill_id in self._seen.keys() - ids:
            del self._seen[backfill_id]

    def added_to(self, backfill: Backfill) -> Backfill:
        """Return the backfill with the objects gone through per second, and the seconds left if they can be known."""
        if backfill.state is not BackfillState.LISTING:
            return backfill
        now = self._clock()
        recent = [one for one in self._seen.get(backfill.id, ()) if one.at >= now - _SECONDS]
        if not recent or now <= recent[0].at:
            return backfill
        seconds = now - recent[0].at
        listed = (backfill.listed - recent[0].listed) / seconds
        enqueued = (backfill.enqueued - recent[0].enqueued) / seconds
        return replace(backfill, photos_per_second=listed, seconds_left=_left(backfill, listed, enqueued))


def _left(backfill: Backfill, listed: float, enqueued: float) -> float | None:
    """Return the seconds until all is listed, or until the limit is reached."""
    if backfill.limit is not None and enqueued > 0:
        return max(0.0, (backfill.limit - backfill.enqueued) / enqueued)
    if backfill.limit is None and backfill.total is not None and listed > 0:
        return max(0.0, (backfill.total - backfill.listed) / listed)
    return None
