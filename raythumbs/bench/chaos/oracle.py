"""What became of everything that was acknowledged, once all is quiet again."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from raythumbs.bench.chaos.uploads import Entry
from raythumbs.client import Client, Refused, Unreachable

Opened = Callable[[str], bytes]

_POLL_SECONDS = 0.5
_UNFINISHED = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How each acknowledged photo ended; `lost` and `wrong` tell of those that did not end as they had to.

    `states` counts the acknowledged photos by state, or by the code of a failure. `attempts_beyond_first` is the work
    that was done more than once.
    """

    acknowledged: int
    states: Mapping[str, int]
    lost: tuple[str, ...]
    wrong: tuple[str, ...]
    unfinished: int
    attempts_beyond_first: int


def await_quiet(client: Client, *, seconds: float) -> None:
    """Wait until no job is unfinished, or the seconds are over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(Unreachable, Refused):
            states = client.status()["states"]
            if not any(states[state] for state in _UNFINISHED):
                return
        time.sleep(_POLL_SECONDS)


def judge(client: Client, entries: Sequence[Entry], expected: Sequence[bytes], *, opened: Opened) -> Verdict:
    """Compare what is recorded and stored with the ledger.

    `expected` are the thumbnails of a clean run, by picture; `opened` gives what an address leads to.
    """
    jobs: dict[str, list[dict[str, Any]]] = {}
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
            made = [opened(one["url"]) for one in client.photo(newest["photoId"])["renditions"]]
            wrong += _differing(entry, made, expected)
    every = [job for several in jobs.values() for job in several]
    return Verdict(
        acknowledged=len(entries),
        states=dict(states),
        lost=tuple(lost),
        wrong=tuple(wrong),
        unfinished=sum(job["state"] in _UNFINISHED for job in every),
        attempts_beyond_first=sum(max(0, job["attempt"] - 1) for job in every),
    )


def _differing(entry: Entry, made: Sequence[bytes], expected: Sequence[bytes]) -> Iterator[str]:
    if len(made) != (entry.picture is not None):
        yield f"{entry.source} has {len(made)} thumbnails"
    elif entry.picture is not None and made[0] != expected[entry.picture]:
        yield f"{entry.source} has another thumbnail than in a clean run"
