"""What every contestant is asked to do, and what it reports."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Self

from raythumbs.bench.meter import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Photos of one bucket, whose thumbnails inside a square of `pixels` go to another, by so many workers.

    `warm_up` are further photos: a service runs for months, and is not measured at its start.
    """

    endpoint: str
    bucket: str
    made_bucket: str
    keys: tuple[str, ...]
    warm_up: tuple[str, ...]
    pixels: int
    quality: int
    workers: int

    @classmethod
    def read(cls) -> Self:
        """Read it from the first line of standard input."""
        sent = json.loads(sys.stdin.readline())
        return cls(**sent | {name: tuple(sent[name]) for name in ("keys", "warm_up")})

    def line(self) -> bytes:
        """Return it as `read` and the peers' `contest.py` read it."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Finish:
    """Of each photo the seconds from the start until its thumbnail was stored, and those since its notification."""

    done: Sequence[float]
    waited: Sequence[float]


@dataclass(frozen=True, slots=True)
class Ready:
    """A contestant that is started and warm: its version and its processes. `go` makes the thumbnails of all photos, or
    raises a RaythumbsError."""

    version: str
    family: Family
    go: Callable[[], Finish]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A way to make thumbnails of photos in a bucket. `ready` starts it and warms it up, and at the end stops it."""

    name: str
    ready: Callable[[Contest], AbstractContextManager[Ready]]
