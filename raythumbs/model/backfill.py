"""Backfill: enqueues the photos that lie below an address, page by page, at LOW priority."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self

from raythumbs.errors import BadSource, SourceNotAllowed
from raythumbs.model.source import Source, SourcePolicy

RECORD = "record:"  # the source of a backfill of the photos that the record knows already
GLOB_LETTERS = 1024


class BackfillState(StrEnum):
    """The state of a backfill. It is done when everything is enqueued; the photos are rendered after that."""

    LISTING = "listing"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


NEXT: Mapping[BackfillState, frozenset[BackfillState]] = {
    BackfillState.LISTING: frozenset(
        {BackfillState.PAUSED, BackfillState.DONE, BackfillState.FAILED, BackfillState.CANCELLED}
    ),
    BackfillState.PAUSED: frozenset({BackfillState.LISTING, BackfillState.CANCELLED}),
    BackfillState.FAILED: frozenset({BackfillState.LISTING, BackfillState.CANCELLED}),
    BackfillState.DONE: frozenset(),
    BackfillState.CANCELLED: frozenset(),
}
UNFINISHED = frozenset({BackfillState.LISTING, BackfillState.PAUSED})


@dataclass(frozen=True, kw_only=True)
class BackfillRequest:
    """What a person asks for. The door chooses the id, so that a repeated request begins no second backfill.

    `source` is a place (see `place_of`) or `record:`. Photos are left out whose key does not match `glob`, or that were
    modified before `since` (UTC seconds). At most `limit` photos are enqueued. `dry_run`: only count. `prune`: delete
    renditions of specs that are no longer set.
    """

    id: str
    source: str
    glob: str | None = None
    since: float | None = None
    limit: int | None = None
    dry_run: bool = False
    prune: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was done with the objects of a page, or of a backfill.

    `listed`: objects seen. `enqueued`: photos with a new job. `skipped`: objects that need none, or that were not asked
    for. `refused`: objects whose address cannot be a source.
    """

    listed: int = 0
    enqueued: int = 0
    skipped: int = 0
    refused: int = 0

    def __add__(self, other: Self) -> "Counts":
        """Return both together."""
        return Counts(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Counts)})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """A part of a backfill: the keys above `after`, up to and including `until`, that are still to be listed."""

    number: int
    after: str
    until: str


@dataclass(frozen=True, kw_only=True)
class Backfill(BackfillRequest):
    """A backfill, and how far it is. Times are UTC, in seconds since 1970.

    `total` is how many objects there are, once that is known. `failed` counts the photos that cannot be rendered, and
    those that were refused. `code` and `reason` say what holds it up, or what ended it.
    """

    state: BackfillState
    listed: int
    enqueued: int
    skipped: int
    refused: int
    total: int | None
    code: str | None
    reason: str | None
    started_at: float
    ended_at: float | None
    failed: int = 0
    photos_per_second: float = 0.0
    seconds_left: float | None = None


def place_of(source: str, policy: SourcePolicy) -> str:
    """Return the canonical address that a backfill lists: a bucket with or without a prefix, or a folder.

    Raise BadSource if it is none, and SourceNotAllowed if the service may not read all of it.
    """
    if source == RECORD:
        return source
    place = str(Source.parse(_open_ended(source) + "x")).removesuffix("x")
    if place.startswith(policy.outputs):
        raise SourceNotAllowed(f"{place} has this service's own thumbnails")
    if not place.startswith(policy.allowed):
        raise SourceNotAllowed(f"{place} is not within RAYTHUMBS_ALLOWED_SOURCES")
    return place


def _open_ended(source: str) -> str:
    if source.startswith("file://"):
        return "file://" + source.removeprefix("file://").rstrip("/") + "/"
    if source.startswith("s3://") and "/" not in source.removeprefix("s3://"):
        return source + "/"
    if not source.startswith("s3://"):
        raise BadSource(f"{source!r} is neither s3://bucket/prefix nor file:///folder")
    return source
