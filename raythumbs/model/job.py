"""Job, State, Priority, and the moves from state to state."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of a job. A job that waits for a retry is `queued` with a later `due_at`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """Which jobs go first."""

    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"

    @property
    def rank(self) -> int:
        """The place in the order, from 0, by which the database sorts. It has no meaning elsewhere."""
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

    The sender chooses `job_id` and `photo_id`, so that a repeated request has no effect. If the request comes from a
    notification, `event_id` recognises repeated events, and `sequence` sorts the events of one photo (see `is_older`).
    With `kept_version`, the renditions that the photo has are of that version: if the attempt finds the same version,
    it makes only those that are missing.
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
    kept_version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What a notification announces: the photo at `source` was deleted. `photo_id` is used if the photo is unknown."""

    photo_id: str
    source: str
    event_id: str | None = None
    sequence: str | None = None


Change = JobRequest | Removal


def is_older(sequence: str | None, than: str | None) -> bool:
    """Return whether a sequence certainly comes before another. Sequences of different senders cannot be compared.

    A sequence is `sender:text`, where the text of a photo's later event sorts later.
    """
    if sequence is None or than is None:
        return False
    (sender, place), (other, other_place) = (one.split(":", 1) for one in (sequence, than))
    return sender == other and place < other_place


@dataclass(frozen=True, kw_only=True)
class Job:
    """A durable request to make the renditions of one photo. Times are UTC, in seconds since 1970.

    `attempt` is the fence: it never goes down. `errors`, `timeouts` and `crashes` each count against a budget. `losses`
    counts lost batches with this job in them, where it is unknown which job caused the loss. `node` is the address of
    the node that the last attempt was leased for. `file_name` is what the client called the photo.
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
    node: str | None = None
    file_name: str | None = None
