"""How long a kill was felt."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Self

from raythumbs.bench.chaos.killer import Kill
from raythumbs.client import Client

_DYING_SECONDS = 3.0  # what is about to end may go on for so long


@dataclass(frozen=True, slots=True)
class Recovery:
    """Of all kills, the seconds for which each was felt."""

    p50_seconds: float
    p99_seconds: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Sum up; of no kill at all, nothing was felt."""
        ordered = sorted(seconds) or [0.0]
        return cls(round(statistics.median(ordered), 2), round(ordered[int(len(ordered) * 0.99)], 2))

    def __str__(self) -> str:
        """Tell it to people."""
        return f"{self.p50_seconds:.1f} s, p99 {self.p99_seconds:.1f} s"


def outages(kills: Iterable[Kill], signs: Iterable[float]) -> list[float]:
    """Return, of each kill, the longest time without a sign of life that began before it or soon after it, and ended
    after it: in seconds, from the kill on. `signs` are when there was one, since 1970."""
    gaps = list(pairwise(sorted(signs)))
    return [
        max(
            (end - max(begin, kill.at) for begin, end in gaps if begin < kill.at + _DYING_SECONDS and end > kill.at),
            default=0.0,
        )
        for kill in kills
    ]


def finished_at(client: Client) -> list[float]:
    """Return when each job ended that did."""
    ends = (job["finishedAt"] for job in client.jobs())
    return [datetime.fromisoformat(end).timestamp() for end in ends if end]
