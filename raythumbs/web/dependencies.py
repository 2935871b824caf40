"""The dependencies of the routes: what `app.py` hands to the web application."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Annotated, BinaryIO, Protocol

from fastapi import Depends, Request

from raythumbs.model.attempt import JobHistory
from raythumbs.model.backfill import Backfill, BackfillRequest
from raythumbs.model.figures import Figures
from raythumbs.model.folder import Folder, FolderRule
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.model.job import Change, Job
from raythumbs.model.overview import Status
from raythumbs.model.photo import Photo, Rendition
from raythumbs.model.quarantine import Quarantined, QuarantinedMessage
from raythumbs.model.queue_state import QueueState
from raythumbs.model.reconciliation import Reconciliation
from raythumbs.model.selection import Changed, Failures, Selection
from raythumbs.model.source import SourcePolicy
from raythumbs.model.upload_form import UploadForm, UploadTerms
from raythumbs.model.webhook import EndpointState
from raythumbs.settings import Settings
from raythumbs.web.fetching import Fetch, Fetcher
from raythumbs.web.links import Links


class Queue(Protocol):
    """The verbs of the queue that routes call. QueueHandle and ThumbnailQueue have them."""

    async def enqueue(self, changes: Sequence[Change]) -> list[Job]:
        """Make jobs, and end the jobs of photos that were deleted. The changes are durable when this returns."""

    async def admit(self) -> None:
        """Return if more work may be taken, else raise Overloaded. Called before a body is read."""

    async def cancel(self, job_id: str) -> Job:
        """End a job that is not finished."""

    async def retry(self, job_id: str) -> Job:
        """Queue a failed job again."""

    async def queue_state(self) -> QueueState:
        """Return whether the queue is paused, and how many photos are at work."""

    async def pause(self, reason: str | None = None) -> QueueState:
        """Lease nothing new until somebody resumes."""

    async def resume(self) -> QueueState:
        """Lease again."""

    async def job(self, job_id: str) -> JobHistory:
        """Return the job."""

    async def jobs(self, selection: Selection, *, after: str | None, limit: int) -> list[Job]:
        """Return a page of jobs."""

    async def retry_jobs(self, selection: Selection) -> Changed:
        """Try many failed jobs again."""

    async def cancel_jobs(self, selection: Selection) -> Changed:
        """End many jobs that are not finished."""

    async def failures(self) -> Failures:
        """Return the failed jobs, grouped by their codes."""

    async def photo(self, photo_id: str) -> Photo:
        """Return the photo."""

    async def photos_of_source(self, source: str) -> list[FoundPhoto]:
        """Return the photo at this address with its newest job, or nothing."""

    async def photos_of_folder(self, folder_id: str, *, after: str | None, limit: int) -> list[FoundPhoto]:
        """Return a page of a folder's photos with their newest jobs."""

    async def photos_after(self, photo_id: str, *, limit: int) -> list[Photo]:
        """Return a page of all photos."""

    async def folder(self, folder_id: str) -> Folder:
        """Count the photos of a folder."""

    async def status(self) -> Status:
        """Return the figures of the queue."""

    async def figures(self) -> Figures:
        """Return the figures for monitoring."""

    async def quarantine(self, message: QuarantinedMessage) -> None:
        """Keep a message that cannot be understood. It is durable when this returns."""

    async def quarantined(self) -> list[Quarantined]:
        """Return the messages in quarantine."""

    async def quarantined_message(self, message_id: str) -> QuarantinedMessage:
        """Return a message in quarantine."""

    async def drop_quarantined(self, message_id: str) -> None:
        """Delete a message from quarantine."""

    async def reconcile(self) -> Reconciliation:
        """Start to compare the stores with the record."""

    async def reconciliation(self) -> Reconciliation:
        """Return the reconciliation that runs, or the last one."""

    async def begin_backfill(self, request: BackfillRequest) -> Backfill:
        """Begin to enqueue the photos below an address."""

    async def backfills(self) -> list[Backfill]:
        """Return the newest backfills."""

    async def backfill(self, backfill_id: str) -> Backfill:
        """Return the backfill."""

    async def pause_backfill(self, backfill_id: str) -> Backfill:
        """Enqueue nothing more of it for now."""

    async def resume_backfill(self, backfill_id: str) -> Backfill:
        """Let it go on."""

    async def cancel_backfill(self, backfill_id: str) -> Backfill:
        """End it."""

    async def webhooks(self) -> Sequence[EndpointState]:
        """Return how the deliveries to each endpoint of webhooks go."""

    async def retry_webhooks(self) -> Sequence[EndpointState]:
        """Try every delivery of webhooks again now."""

    async def check(self) -> None:
        """Return if the database and the stores answer, else raise the reason."""


class Originals(Protocol):
    """The store of direct uploads. Every call blocks."""

    def create(self, key: str, content_type: str) -> AbstractContextManager[BinaryIO]:
        """Give a file to write into. It is stored whole or not at all."""

    def delete(self, key: str) -> None:
        """Delete an upload."""


SignUpload = Callable[[UploadTerms], UploadForm]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """The settings, the queue, the stores, which sources may be read, and the clock.

    `link` gives an address of a thumbnail that opens; `open_thumbnail` opens the file behind `/thumbnails/PATH`.
    `links` signs links to this service; it is None where there are no keys.
    `links_expire` says whether such an address is presigned. `sign_upload` signs a form with which a browser uploads
    straight to the bucket; it is None if there is no bucket. `fetch` fetches the keys of senders.
    """

    settings: Settings
    queue: Queue
    originals: Originals
    policy: SourcePolicy
    folder_rule: FolderRule
    link: Callable[[Rendition], str]
    links: Links | None
    links_expire: bool
    open_thumbnail: Callable[[str], BinaryIO]
    sign_upload: SignUpload | None
    now: Callable[[], float]
    fetch: Fetch = field(default_factory=Fetcher)


async def _dependencies(request: Request) -> Dependencies:  # FastAPI would call it in a thread if it were not async
    dependencies = request.app.state.dependencies
    assert isinstance(dependencies, Dependencies)  # noqa: S101 `make_app` put it there
    return dependencies


Deps = Annotated[Dependencies, Depends(_dependencies)]
