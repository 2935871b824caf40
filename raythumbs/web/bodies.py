"""The JSON of requests and replies. Names are camelCase; times are ISO 8601 in UTC."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from raythumbs.errors import BadSource, Unstorable
from raythumbs.model.folder import FOLDER_BYTES
from raythumbs.model.job import Job, JobRequest, Priority, State
from raythumbs.model.overview import Status
from raythumbs.model.photo import Photo, Rendition
from raythumbs.model.queue_state import REASON_LETTERS, QueueState
from raythumbs.model.reconciliation import Reconciliation
from raythumbs.model.source import refuse_unstorable

MAX_SOURCES = 1000


def _moment(seconds: object) -> object:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else seconds


Moment = Annotated[datetime, BeforeValidator(_moment), Field(description="UTC")]  # also made from seconds since 1970


def storable(text: str) -> str:
    """Return the text. Raise Unstorable for text that not every database can hold."""
    try:
        refuse_unstorable(text)
    except BadSource as error:
        raise Unstorable(error.reason) from error
    return text


Text = Annotated[str, AfterValidator(storable)]
Id = Annotated[Text, Path(max_length=64)]


def _short_enough(folder_id: str) -> str:
    if len(folder_id.encode()) > FOLDER_BYTES:
        raise Unstorable(f"the folder's id has {len(folder_id.encode())} bytes; it has at most {FOLDER_BYTES}")
    return folder_id


FolderId = Annotated[Text, AfterValidator(_short_enough)]


class Body(BaseModel):
    """The base of all bodies."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    @classmethod
    def of_word(cls, word: object, **others: object) -> Self:
        """Copy a dataclass of `model/`: each field gets the value of the same name, unless `others` gives its value."""
        return cls(**{name: getattr(word, name) for name in cls.model_fields if name not in others}, **others)


class ErrorBody(Body):
    """Every refusal: a code for programs, a reason for people."""

    code: str
    reason: str


class SubmitBody(Body):
    """Sources to make thumbnails of."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    sources: list[str] = Field(min_length=1, max_length=MAX_SOURCES, examples=[["s3://photos/2026/cat.jpg"]])
    priority: Priority = Priority.NORMAL
    folder_id: FolderId | None = None


class AcceptedBody(Body):
    """A job that is now in the database."""

    photo_id: str
    job_id: str
    state: State
    status_url: str
    source: str
    file_name: str | None = None

    @classmethod
    def of(cls, job: Job, request: JobRequest, base_url: str) -> Self:
        """Describe a job to the client that requested it."""
        status_url = f"{base_url}/api/jobs/{job.id}"
        return cls.of_word(job, job_id=job.id, status_url=status_url, file_name=request.file_name)


class AcceptedJobsBody(Body):
    """The jobs, in the order of the sources."""

    jobs: list[AcceptedBody]


class UploadsBody(Body):
    """The jobs, in the order of the files."""

    uploads: list[AcceptedBody]


class NotifiedBody(Body):
    """How many events became jobs, how many were deletions, and how many were ignored: repeated, outdated, unwanted,
    or of the service's own thumbnails. Parts that cannot be understood are counted if there are any."""

    accepted: int
    removed: int
    ignored: int
    quarantined: int = 0


class ValidatedBody(Body):
    """The answer to Azure Event Grid's question whether it may send its events here."""

    validation_response: str


class JobBody(Body):
    """A job."""

    job_id: str
    photo_id: str
    photo_url: str
    source: str
    folder_id: str | None
    file_name: str | None
    state: State
    priority: Priority
    attempt: int
    errors: int
    timeouts: int
    crashes: int
    code: str | None
    reason: str | None
    created_at: Moment | None
    due_at: Moment | None
    started_at: Moment | None
    finished_at: Moment | None

    @classmethod
    def of(cls, job: Job, base_url: str) -> Self:
        """Describe a job."""
        return cls.of_word(job, job_id=job.id, photo_url=f"{base_url}/api/photos/{job.photo_id}")


class JobsBody(Body):
    """A page of jobs, the newest first. `nextCursor` is the `cursor` of the next page, and null on the last page."""

    jobs: list[JobBody]
    next_cursor: str | None


class RenditionBody(Body):
    """A thumbnail, and where to get it."""

    name: str
    width: int
    height: int
    format: str
    size_bytes: int
    url: str


class PhotoBody(Body):
    """A photo and its thumbnails. What decoding finds out is null until a job has succeeded."""

    photo_id: str
    source: str
    version: str | None
    folder_id: str | None
    file_name: str | None
    size_bytes: int | None
    width: int | None
    height: int | None
    format: str | None
    thumb_hash: str | None = Field(
        description="ThumbHash, as base64: a placeholder to show until the thumbnail is loaded"
    )
    notes: list[str] = Field(description="faults of the photo that did not keep it from being rendered")
    created_at: Moment | None
    deleted_at: Moment | None = Field(description="when the service learnt that the photo was deleted")
    renditions: list[RenditionBody]

    @classmethod
    def of(cls, photo: Photo, link: Callable[[Rendition], str]) -> Self:
        """Describe a photo. `link` gives the address of a rendition that clients can open."""
        renditions = [RenditionBody.of_word(one, url=link(one)) for one in photo.renditions]
        return cls.of_word(photo, photo_id=photo.id, notes=list(photo.notes), renditions=renditions)


class ReconciliationBody(Body):
    """A pass over the stores, and the differences from the record that it found."""

    began_at: Moment | None
    finished_at: Moment | None = Field(description="null while it runs")
    place: str = Field(description="the place that the pass is in, or was in last")
    listed: int = Field(description="objects listed")
    missing: int = Field(description="photos without thumbnails, which are now made")
    stale: int = Field(description="photos whose thumbnails were of another version, and are made again")
    deleted: int = Field(description="photos that no longer exist, whose thumbnails are deleted")
    orphaned: int = Field(description="thumbnails that belong to no photo, which are deleted")

    @classmethod
    def of(cls, pass_: Reconciliation) -> Self:
        """Describe a pass."""
        return cls.of_word(pass_, **asdict(pass_.found))


class NodeBody(Body):
    """A node's slots."""

    node: str
    address: str = Field(description="the node's address in the cluster")
    cpus: int
    slots: int
    busy: int
    trouble: str | None = Field(description="why no photos, or fewer photos, are sent to the node")


class QueueStateBody(Body):
    """Whether the queue works or is paused. A paused queue takes everything, and starts nothing new."""

    state: Literal["working", "paused"]
    running: int = Field(description="photos at work")
    since: Moment | None = Field(description="when it was paused; null while it works")
    reason: str | None = Field(description="why, if somebody said so")

    @classmethod
    def of(cls, state: QueueState) -> Self:
        """Describe the state."""
        return cls.of_word(state, state=state.name)


class PauseBody(Body):
    """Why the queue is paused, for whoever wonders later."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    reason: Text | None = Field(None, max_length=REASON_LETTERS, examples=["the bucket moves today"])


class StatusBody(Body):
    """The queue and its slots at this moment."""

    queue_size: int = Field(description="photos waiting")
    active_workers: int = Field(description="slots in use")
    max_workers: int = Field(description="slots in all")
    processing: bool = Field(description="whether any slot is in use")
    cpu_count: int = Field(description="CPUs of the cluster")
    running: int = Field(description="photos that slots work on")
    late_reports: int = Field(description="reports of attempts that had lost their lease; they changed nothing")
    draining: bool = Field(description="whether the queue leases nothing new, because it is about to be replaced")
    backlog: dict[Priority, int] = Field(description="photos waiting, by priority")
    backlog_age_seconds: float = Field(description="how long the oldest photo that is due has waited")
    backlog_ages_seconds: dict[Priority, float] = Field(description="the same by priority, without retries")
    retries_waiting: int = Field(description="photos that failed and wait for a retry that is not due yet")
    states: dict[State, int] = Field(description="jobs, by state")
    photos_per_second: float = Field(description="thumbnailed photos per second, over the last minute")
    nodes: list[NodeBody]
    queue: QueueStateBody

    @classmethod
    def of(cls, status: Status) -> Self:
        """Describe the queue."""
        seen = status.overview
        waiting = seen.states[State.QUEUED]
        return cls(
            queue_size=waiting,
            active_workers=status.busy,
            max_workers=status.total,
            processing=status.busy > 0,
            cpu_count=sum(node.cpus for node in status.nodes),
            running=status.running,
            late_reports=status.late_reports,
            draining=status.draining,
            backlog=dict(seen.backlog),
            backlog_age_seconds=round(seen.backlog_age_seconds, 3),
            backlog_ages_seconds={one: round(age, 3) for one, age in seen.backlog_ages_seconds.items()},
            retries_waiting=seen.retries_waiting,
            states=dict(seen.states),
            photos_per_second=round(seen.photos_per_second, 3),
            nodes=[NodeBody.of_word(node) for node in status.nodes],
            queue=QueueStateBody.of(status.queue),
        )
