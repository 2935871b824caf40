"""The JSON of failures, and of requests that move many jobs."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from raythumbs.errors import may_be_retried
from raythumbs.model.job import State
from raythumbs.model.selection import MOST_IDS, Changed, Failures, Selection
from raythumbs.web.bodies import Body, FolderId, Moment, Text


class _SelectionBody(Body):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    code: Annotated[Text, Field(min_length=1, max_length=64)] | None = None
    folder_id: Annotated[FolderId, Field(min_length=1)] | None = None
    ids: list[Annotated[Text, Field(max_length=64)]] | None = Field(None, min_length=1, max_length=MOST_IDS)
    until: AwareDatetime | None = Field(None, description="the `until` of the first answer, when asking again")

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if all(getattr(self, name) is None for name in ("code", "folder_id", "ids", "state")):
            raise ValueError("give at least one of code, folderId, state, ids")
        return self

    def selection(self, state: State | None) -> Selection:
        """Return the selection."""
        return Selection(
            code=self.code,
            folder_id=self.folder_id,
            state=state,
            ids=tuple(self.ids) if self.ids is not None else None,
            until=self.until.timestamp() if self.until else None,
        )


class RetryBody(_SelectionBody):
    """Which failed jobs to try again: those that meet every condition that is given."""

    state: Literal["failed"] | None = Field(None, description="`failed` means every failed job")


class CancelBody(_SelectionBody):
    """Which jobs to cancel: those that meet every condition that is given, and are not finished."""

    state: Literal["queued", "running"] | None = None


class ChangedBody(Body):
    """How many jobs were moved. While there are more, ask again with the same conditions and this `until`."""

    changed: int
    more: bool = Field(description="whether more jobs are left")
    until: Moment = Field(description="later failures (or jobs, if they are cancelled) are left alone")

    @classmethod
    def of(cls, changed: Changed) -> Self:
        """Describe what was moved."""
        return cls.of_word(changed)


class FailureBody(Body):
    """The failed jobs with one code."""

    code: str
    count: int
    reason: str | None = Field(description="the reason of the newest of them")
    newest_at: Moment | None = Field(description="when the newest of them failed")
    retryable: bool = Field(description="whether another try may help although nothing else changes")


class RetryGroupBody(Body):
    """The jobs that wait for another try because of one code."""

    code: str
    count: int
    reason: str | None = Field(description="the reason of the newest of them")


class FailuresBody(Body):
    """The failed jobs, and those that wait for another try, by code. `more`: not all are counted, because there are
    very many."""

    failures: list[FailureBody]
    retries: list[RetryGroupBody]
    more: bool

    @classmethod
    def of(cls, failures: Failures) -> Self:
        """Describe the failures and the retries."""
        groups = [FailureBody.of_word(group, retryable=may_be_retried(group.code)) for group in failures.groups]
        retries = [RetryGroupBody.of_word(group) for group in failures.retries]
        return cls(failures=groups, retries=retries, more=failures.more)
