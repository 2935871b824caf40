"""What the doors are handed by the roof."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Protocol

from fastapi import Depends, Request

from raythumbs.model.job import Change, Job, State
from raythumbs.model.overview import Status
from raythumbs.model.photo import Photo, Rendition
from raythumbs.model.reconciliation import Reconciliation
from raythumbs.model.source import SourcePolicy
from raythumbs.settings import Settings


class Queue(Protocol):
    """The verbs of the queue that the doors call: those of QueueHandle, and of ThumbnailQueue itself."""

    async def enqueue(self, changes: Sequence[Change]) -> list[Job]:
        """Make jobs, and end those of photos that were deleted; durable when it returns."""

    async def admit(self) -> None:
        """Return if more work may be taken: asked before a body is read."""

    async def cancel(self, job_id: str) -> Job:
        """End a job that is not finished."""

    async def retry(self, job_id: str) -> Job:
        """Queue a failed job again."""

    async def job(self, job_id: str) -> Job:
        """Return the job."""

    async def jobs(self, *, state: State | None, after: str | None, limit: int) -> list[Job]:
        """Return a page of jobs."""

    async def photo(self, photo_id: str) -> Photo:
        """Return the photo."""

    async def status(self) -> Status:
        """Return the figures of the queue."""

    async def reconcile(self) -> Reconciliation:
        """Begin to compare the stores with the record."""

    async def reconciliation(self) -> Reconciliation:
        """Return the reconciliation that runs, or the last one."""

    async def check(self) -> None:
        """Return if database and stores answer."""


class Originals(Protocol):
    """Where direct uploads are kept. Every call blocks."""

    def create(self, key: str, content_type: str) -> AbstractContextManager[BinaryIO]:
        """Give a file to write into, which is kept whole or not at all."""

    def delete(self, key: str) -> None:
        """Remove what was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The queue, the stores' two sides that people touch, and what is allowed."""

    settings: Settings
    queue: Queue
    originals: Originals
    policy: SourcePolicy
    link: Callable[[Rendition], str]
    open_thumbnail: Callable[[str], BinaryIO]
    now: Callable[[], float]


async def _parts(request: Request) -> Parts:  # FastAPI would ask for it in a thread if it were not async
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 what make_app put there
    return parts


PartsHere = Annotated[Parts, Depends(_parts)]
