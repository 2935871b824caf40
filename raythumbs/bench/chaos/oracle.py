"""What became of everything that was acknowledged, and how long each kill was felt, once all is quiet again."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from raythumbs.bench.chaos.killer import Kill
from raythumbs.bench.chaos.uploads import Entry
from raythumbs.bench.laps import percentile
from raythumbs.bench.photos import Job
from raythumbs.client import Client

_UNFINISHED = ("queued", "running")
_DYING_SECONDS = 3.0  # for so long may go on what is about to end


@dataclass(frozen=True, slots=True)
class Verdict:
    """How each acknowledged photo ended. `lost` and `wrong` name those that did not end as they had to.

    `states` counts the acknowledged photos by state, or by the code of a failure. `attempts_beyond_first` is the work
    that was done more than once.
    """

    acknowledged: int
    states: Mapping[str, int]
    lost: Sequence[str]
    wrong: Sequence[str]
    unfinished: int
    attempts_beyond_first: int


def judge(
    client: Client, entries: Sequence[Entry], expected: Sequence[bytes], *, get: Callable[[str], bytes]
) -> Verdict:
    """Compare the database and the store with the ledger.

    `expected` are the thumbnails of a clean run, by picture; `get` returns what is at an address.
    """
    jobs: dict[str, list[Job]] = {}
    for job in client.jobs():  # the newest first
        jobs.setdefault(job["source"], []).append(job)
    states: Counter[str] = Counter()
    lost: list[str] = []
    wrong: list[str] = []
    for entry in entries:
        if entry.source not in jobs:
            lost.append(entry.source)
            continue
        newest = jobs[entry.source][0]
        states[newest["code"] if newest["state"] == "failed" else newest["state"]] += 1
        if newest["state"] in _UNFINISHED:
            lost.append(f"{entry.source} is {newest['state']}: {newest['reason']}")
        elif newest["state"] != "failed":
            thumbnails = [get(one["url"]) for one in client.photo(newest["photoId"])["renditions"]]
            wrong += _differences(entry, thumbnails, expected)
    every = [job for several in jobs.values() for job in several]
    return Verdict(
        acknowledged=len(entries),
        states=dict(states),
        lost=lost,
        wrong=wrong,
        unfinished=sum(job["state"] in _UNFINISHED for job in every),
        attempts_beyond_first=sum(max(0, job["attempt"] - 1) for job in every),
    )


def _differences(entry: Entry, thumbnails: Sequence[bytes], expected: Sequence[bytes]) -> Iterator[str]:
    if len(thumbnails) != (entry.picture is not None):
        yield f"{entry.source} has {len(thumbnails)} thumbnails"
    elif entry.picture is not None and thumbnails[0] != expected[entry.picture]:
        yield f"{entry.source} has another thumbnail than in a clean run"


@dataclass(frozen=True, slots=True)
class Recovery:
    """The seconds for which kills were felt."""

    p50_seconds: float
    p99_seconds: float

    @classmethod
    def of(cls, kills: Iterable[Kill], signs: Iterable[float]) -> Self:
        """Return the percentiles of all kills; see `outages`."""
        felt = outages(kills, signs)
        return cls(percentile(felt, 50), percentile(felt, 99))

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.p50_seconds:.1f} s, p99 {self.p99_seconds:.1f} s"


def outages(kills: Iterable[Kill], signs: Iterable[float]) -> list[float]:
    """Return for each kill the longest time without a sign of life around it, in seconds, counted from the kill on.

    The time begins before the kill or soon after it, and ends after it. `signs` are moments, in UTC seconds."""
    gaps = list(pairwise(sorted(signs)))
    return [
        max(
            (end - max(begin, kill.at) for begin, end in gaps if begin < kill.at + _DYING_SECONDS and end > kill.at),
            default=0.0,
        )
        for kill in kills
    ]
