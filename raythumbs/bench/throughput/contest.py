"""What every contestant is asked, and what it tells."""

import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Protocol, Self

from raythumbs.errors import RaythumbsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Photos of one bucket, whose thumbnails inside a square of `pixels` go to another, by so many workers.

    `warm_up` are further photos, for what a service that runs for months has behind it.
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
        told = json.loads(sys.stdin.readline())
        return cls(**told | {name: tuple(told[name]) for name in ("keys", "warm_up")})

    def line(self) -> bytes:
        """Return it as `read` and the peers' `contest.py` take it."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Finish:
    """Of each photo the seconds from the start until its thumbnail was stored, and those since it was told of."""

    done: Sequence[float]
    waited: Sequence[float]


class Ready(Protocol):
    """A contestant that is up and warm."""

    @property
    def version(self) -> str:
        """Its version, and that of what it is made of."""
        ...

    def go(self) -> Finish:
        """Make the thumbnails of all photos, or raise ContestantFailed."""
        ...


class Contestant(Protocol):
    """Somebody who makes thumbnails of the photos in a bucket."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def ready(self, contest: Contest, mark: str) -> AbstractContextManager[Ready]:
        """Start it, with every process of its marked (see meter.py), and warm it up; at the end stop it."""
        ...


class ContestantFailed(RaythumbsError):
    """A contestant that did not do what it was asked to."""

    code = "contestant_failed"
