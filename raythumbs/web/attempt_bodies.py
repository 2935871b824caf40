"""The JSON of a job with its attempts."""

from typing import Self

from pydantic import Field

from raythumbs.model.attempt import KEPT_ATTEMPTS, AttemptOutcome, JobHistory
from raythumbs.web.bodies import Body, JobBody, Moment


class AttemptBody(Body):
    """One try at a job."""

    number: int = Field(description="from 1; the numbers of a job never go down")
    node: str | None = Field(description="the address of the node in the cluster; null if unknown")
    began_at: Moment | None
    ended_at: Moment | None = Field(description="null while it runs")
    outcome: AttemptOutcome | None = Field(description="null while it runs; an attempt is lost if its node or task was")
    code: str | None = Field(description="what went wrong")
    reason: str | None


class JobHistoryBody(JobBody):
    """A job with its attempts."""

    attempts: list[AttemptBody] = Field(description=f"the last {KEPT_ATTEMPTS}, the first one first")

    @classmethod
    def told(cls, history: JobHistory, base_url: str) -> Self:
        """Describe a job and its attempts."""
        attempts = [AttemptBody.of_word(one) for one in history.attempts]
        return cls(**dict(JobBody.of(history.job, base_url)), attempts=attempts)
