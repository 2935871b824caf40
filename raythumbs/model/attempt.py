"""Attempt: one try at a job. JobHistory: a job with its newest attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from raythumbs.model.job import Job, State

KEPT_ATTEMPTS = 20  # of each job, the newest


class AttemptOutcome(StrEnum):
    """How an attempt ended. A lost attempt ended without an outcome of its own: its node, its task or the queue ended
    before it, or its lease ran out."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a job, by its number from 1. Times are UTC, in seconds since 1970.

    `node` is the address of the node that it was leased for. `outcome` is None while it runs. `code` and `reason` say
    what went wrong. Attempts of records that an older version wrote may lack `node` and `ended_at`.
    """

    number: int
    node: str | None
    began_at: float | None
    ended_at: float | None
    outcome: AttemptOutcome | None
    code: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class JobHistory:
    """A job, and its attempts, the first one first. Only the newest are kept."""

    job: Job
    attempts: tuple[Attempt, ...]


_OUTCOMES: Mapping[State, AttemptOutcome | None] = {
    State.RUNNING: None,
    State.SUCCEEDED: AttemptOutcome.SUCCEEDED,
    State.FAILED: AttemptOutcome.FAILED,
    State.CANCELLED: AttemptOutcome.CANCELLED,
}


def with_last(noted: Sequence[Attempt], job: Job) -> tuple[Attempt, ...]:
    """Return the noted attempts and the one that the job itself tells about: it runs, or ended with the job."""
    is_noted = bool(noted) and noted[-1].number >= job.attempt
    if job.attempt == 0 or job.state is State.QUEUED or is_noted:
        return tuple(noted)
    last = Attempt(
        number=job.attempt,
        node=job.node,
        began_at=job.started_at,
        ended_at=job.finished_at,
        outcome=_OUTCOMES[job.state],
        code=job.code,
        reason=job.reason,
    )
    return (*noted, last)
