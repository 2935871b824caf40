"""Lease: an attempt's right to a job. Outcome: what the attempt reports.

These travel between processes, so they have no slots: pickling a frozen dataclass with slots takes three times as long.
"""

from dataclasses import dataclass

from raythumbs.errors import RaythumbsError
from raythumbs.model.job import Priority
from raythumbs.model.photo import PictureFacts, Rendition
from raythumbs.model.took import NOTHING, Took


@dataclass(frozen=True, kw_only=True)
class Lease:
    """An attempt's right to a job until `until` (UTC seconds). The number `attempt` fences every write.

    `created_at` is when the job was first enqueued and `started_at` when it was leased, by the database's clock. With
    `kept_version`, `renditions` are those that the photo has, which are of that version. `node` is the address of the
    node that it was leased for.
    """

    job_id: str
    photo_id: str
    attempt: int
    priority: Priority
    source: str
    version: str | None
    size_bytes: int | None
    errors: int
    timeouts: int
    crashes: int
    losses: int
    created_at: float
    started_at: float
    until: float
    kept_version: str | None = None
    node: str | None = None
    renditions: tuple[Rendition, ...] = ()


@dataclass(frozen=True)
class Succeeded:
    """Every rendition is stored."""

    picture: PictureFacts
    renditions: tuple[Rendition, ...]


@dataclass(frozen=True)
class Failed:
    """The attempt failed. `error.retryable` says whether another attempt may succeed."""

    error: RaythumbsError


Outcome = Succeeded | Failed


@dataclass(frozen=True)
class Report:
    """A lease and its outcome. `seconds` is the CPU time that the attempt took in its slot; `took` has its stages."""

    lease: Lease
    outcome: Outcome
    seconds: float
    took: Took = NOTHING
