"""The JSON of backfills."""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.alias_generators import to_camel

from raythumbs.model.backfill import GLOB_LETTERS, Backfill, BackfillRequest, BackfillState, place_of
from raythumbs.model.ids import new_id
from raythumbs.model.source import SourcePolicy
from raythumbs.web.bodies import Body, ErrorBody, Moment, Text

_SOURCE_LETTERS = 8192  # more than the longest address has, whatever is escaped in it
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_MOST = 2**53 - 1  # what every JSON parser reads exactly (RFC 8259, section 6)


class BackfillRequestBody(Body):
    """What to enqueue."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    source: Annotated[Text, Field(min_length=1, max_length=_SOURCE_LETTERS)] = Field(
        description="a bucket with or without a prefix, a folder of the service's machine, or `record:`",
        examples=["s3://photos/2026/"],
    )
    glob: Annotated[Text, Field(min_length=1, max_length=GLOB_LETTERS)] | None = Field(
        None, description="only photos whose key below the source matches; `*` matches slashes too"
    )
    since: Annotated[AwareDatetime, Field(ge=_FIRST, le=_LAST)] | None = Field(
        None, description="only photos that were modified then or later"
    )
    limit: int | None = Field(None, ge=1, le=_MOST, description="enqueue at most so many photos")
    dry_run: bool = Field(default=False, description="only count")
    prune: bool = Field(default=False, description="with `record:`, delete thumbnails of specs that are no longer set")

    def request(self, policy: SourcePolicy, *, now: float) -> BackfillRequest:
        """Return the request. Raise BadSource or SourceNotAllowed."""
        return BackfillRequest(
            id=new_id(now=now),
            source=place_of(self.source, policy),
            glob=self.glob,
            since=_seconds(self.since),
            limit=self.limit,
            dry_run=self.dry_run,
            prune=self.prune,
        )


class BackfillBody(Body):
    """A backfill, and how far it is."""

    id: str
    source: str
    glob: str | None
    since: Moment | None
    limit: int | None
    dry_run: bool
    prune: bool
    state: BackfillState
    listed: int = Field(description="objects gone through")
    enqueued: int = Field(description="photos that got a job; with `dryRun`, that would get one")
    skipped: int = Field(description="objects that need no job, or that were not asked for")
    failed: int = Field(description="photos that could not be rendered, and objects that cannot be photos")
    total: int | None = Field(description="objects in all; null while that is not known")
    photos_per_second: float = Field(description="objects gone through per second, over the last minute")
    seconds_left: float | None = Field(description="until it has gone through all; null while that is not known")
    error: ErrorBody | None = Field(description="what holds it up, or what ended it")
    started_at: Moment
    ended_at: Moment | None

    @classmethod
    def of(cls, backfill: Backfill) -> Self:
        """Describe a backfill."""
        error = ErrorBody(code=backfill.code, reason=backfill.reason or "") if backfill.code else None
        left = None if backfill.seconds_left is None else round(backfill.seconds_left, 1)
        return cls.of_word(
            backfill, error=error, photos_per_second=round(backfill.photos_per_second, 1), seconds_left=left
        )


class BackfillsBody(Body):
    """Backfills, the newest first."""

    backfills: list[BackfillBody]


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
