"""Which jobs a person means, when they move many at once."""

from dataclasses import dataclass

from raythumbs.model.job import State

MOST_IDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Jobs that meet all of these conditions; None means any.

    `until` leaves out jobs that ended later (to retry) or were made later (to cancel), in UTC seconds since 1970. So a
    caller that asks again and again comes to an end, although jobs fail again meanwhile.
    """

    code: str | None = None
    folder_id: str | None = None
    state: State | None = None
    ids: tuple[str, ...] | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """How many jobs one request has moved, whether more are left, and the `until` of the next request."""

    changed: int
    more: bool
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """The failed jobs with one code. The reason and the time are those of the newest of them."""

    code: str
    count: int
    reason: str | None
    newest_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryGroup:
    """The jobs that wait for another try because of one code. The reason is that of the newest of them."""

    code: str
    count: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The groups of failures and of retries, by their codes. `more` says that some codes or jobs were not counted."""

    groups: tuple[FailureGroup, ...]
    retries: tuple[RetryGroup, ...]
    more: bool
