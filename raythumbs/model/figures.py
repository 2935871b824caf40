"""Figures for monitoring: counters since a queue started, histograms, and the status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from raythumbs.model.job import Priority
from raythumbs.model.overview import Status


class Ending(StrEnum):
    """How a photo's last attempt ended. DELETED: the photo was gone when its turn came."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DELETED = "deleted"


class Sending(StrEnum):
    """What came of one attempt to send a webhook. GIVEN_UP: it was the last attempt."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values: `counts[i]` are those up to `bounds[i]` and above the bound before; the last count has the
    values above all bounds."""

    bounds: Sequence[float]
    counts: Sequence[int]
    sum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one queue has counted since it started.

    `photos` are counted by how they ended and their error code (empty for a success), `retries` by the code of the
    attempt that failed. `stage_seconds` has the stages of attempts (see Took), `photo_seconds` the time from a job's
    first enqueuing to the record of its success, by priority.
    """

    photos: Mapping[tuple[Ending, str], int]
    retries: Mapping[str, int]
    stage_seconds: Mapping[str, Histogram]
    photo_seconds: Mapping[Priority, Histogram]
    fetched_bytes: int
    stored_bytes: int
    fenced_writes: int
    rescued_leases: int
    webhooks: Mapping[Sending, int]
    commits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The status of the queue, the counts of each shard by its number, and the free bytes on the data folder's disk."""

    status: Status
    shards: Mapping[int, Counts]
    free_disk_bytes: int

    @classmethod
    def of_shards(cls, shards: Sequence["Figures"]) -> "Figures":
        """Put the figures of all shards together. They are on one machine."""
        return cls(
            status=Status.of_shards([one.status for one in shards]),
            shards={shard: counts for one in shards for shard, counts in one.shards.items()},
            free_disk_bytes=shards[0].free_disk_bytes,
        )
