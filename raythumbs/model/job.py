"""Job, State, Priority and the moves a job may make."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a job is. Waiting for a retry is `queued` with a later `due_at`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """Which job goes first."""

    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"

    @property
    def rank(self) -> int:
        """The place in the order, from 0: what the database sorts by. It has no meaning elsewhere."""
        return _ORDER.index(self)

    @classmethod
    def ranked(cls, rank: int) -> "Priority":
        """Return the priority of that rank."""
        return _ORDER[rank]


_ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)

NEXT: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset({State.QUEUED, State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset(),
}

INCOMPLETE = frozenset({State.QUEUED, State.RUNNING})


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """What a client submits: make the renditions of the photo at `source`.

    `job_id` and `photo_id` are chosen by whoever submits, so that submitting twice is the same as once.
    `event_id`, where the request follows from a notification, is remembered to recognise its repetition; `sequence` is
    the event's place among those of its photo (see `is_older`).
    """

    job_id: str
    photo_id: str
    source: str
    priority: Priority
    version: str | None = None
    size_bytes: int | None = None
    folder_id: str | None = None
    file_name: str | None = None
    event_id: str | None = None
    sequence: str | None = None


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What a notification tells: the photo at `source` is no longer there. `photo_id` is for one never heard of."""

    photo_id: str
    source: str
    event_id: str | None = None
    sequence: str | None = None


Change = JobRequest | Removal


def is_older(sequence: str | None, than: str | None) -> bool:
    """Return whether a sequence surely comes before another; those of different senders cannot be compared.

    A sequence is `sender:text`, where the text of a photo's later event sorts later.
    """
    if sequence is None or than is None:
        return False
    (sender, place), (other, other_place) = (one.split(":", 1) for one in (sequence, than))
    return sender == other and place < other_place


@dataclass(frozen=True, kw_only=True)
class Job:
    """A durable request to make the renditions of one photo. Times are UTC, in seconds since 1970.

    `attempt` is the fence: it only ever goes up. `errors`, `timeouts` and `crashes` count against budgets of their own;
    `losses` counts the batches that were lost around this job before it could be told who was to blame.
    """

    id: str
    photo_id: str
    source: str
    state: State
    priority: Priority
    folder_id: str | None
    attempt: int
    errors: int
    timeouts: int
    crashes: int
    losses: int
    code: str | None
    reason: str | None
    created_at: float
    due_at: float
    started_at: float | None
    finished_at: float | None
