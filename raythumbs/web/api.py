"""The routes. Each parses the request, calls one verb of the queue, and shapes the reply."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse

from raythumbs import __version__
from raythumbs.errors import BadSource, NoSuchObject, Overloaded, UnknownThumbnail
from raythumbs.events import emit
from raythumbs.model.ids import new_id
from raythumbs.model.job import Change, JobRequest, Priority, Removal, State
from raythumbs.model.photo import CACHE_CONTROL, Format
from raythumbs.model.source import Source, is_folder_marker
from raythumbs.notifications import b2, s3
from raythumbs.notifications.envelopes import Confirmation
from raythumbs.notifications.event import Event, Notification, RemovalEvent, UploadEvent
from raythumbs.web.bodies import (
    AcceptedBody,
    AcceptedJobsBody,
    ErrorBody,
    JobBody,
    JobsBody,
    NotifiedBody,
    PhotoBody,
    ReconciliationBody,
    StatusBody,
    SubmitBody,
    Text,
    UploadsBody,
)
from raythumbs.web.browsers import OnlyOwnPages, Visitors
from raythumbs.web.cached_json import CachedJson
from raythumbs.web.clients import Clients
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.limits import BodyLimits
from raythumbs.web.open_file import OpenFileResponse
from raythumbs.web.replies import tell_errors
from raythumbs.web.subscription import confirm
from raythumbs.web.upload_room import UploadRoom
from raythumbs.web.uploads import Upload

_UPLOAD_PATH = "/api/uploads/direct"
_EVENT_PATHS = "/api/notifications/"
_UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "folderId": {"type": "string", "maxLength": 1024},
                    },
                }
            }
        },
    }
}
_ANY_OBJECT = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}  # fmt: skip
_ANY_OBJECT_OR_LIST = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": ["object", "array"]}}}}
}  # fmt: skip

JobId = Annotated[Text, Path(max_length=64)]
router = APIRouter(responses={"4XX": {"model": ErrorBody}, "503": {"model": ErrorBody}})


def make_app(deps: Dependencies, *, behind_haproxy: bool = False) -> FastAPI:
    """Return the web application. `behind_haproxy`: HAProxy adds a header with the address of the client."""
    app = FastAPI(
        title="raythumbs",
        version=__version__,
        summary="Thumbnails of uploaded photos",
        strict_content_type=False,  # a body without a type is read as JSON; OnlyOwnPages refuses foreign pages
    )
    app.state.dependencies = deps
    app.state.upload_room = UploadRoom()
    app.state.cached_json = {"jobs": CachedJson(), "status": CachedJson()}
    app.include_router(router)
    clients = Clients(trusted_proxies=deps.settings.trusted_proxies, behind_haproxy=behind_haproxy)
    visitors = Visitors.of(deps.settings)
    app.add_middleware(OnlyOwnPages, visitors=visitors, form_path=_UPLOAD_PATH, event_paths=_EVENT_PATHS)
    if deps.settings.allowed_origins:
        origins, methods = deps.settings.allowed_origins, ("GET", "POST")
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=("Content-Type",)
        )
    app.add_middleware(BodyLimits, settings=deps.settings, clients=clients, upload_path=_UPLOAD_PATH)
    tell_errors(app)
    return app


# --- photos in


@router.post(_UPLOAD_PATH, status_code=202, openapi_extra=_UPLOAD_FORM, tags=["photos in"])
async def upload(request: Request, deps: Deps) -> UploadsBody:
    """Upload one or more photos. A single photo gets HIGH priority, because a person is likely to wait for it."""
    await deps.queue.admit()
    arriving = Upload(deps, request.app.state.upload_room, request.headers.get("content-type", ""))
    requests = await arriving.receive(request.stream())
    try:
        jobs = await deps.queue.enqueue(requests)
    except Overloaded:
        if deps.settings.queue_shards == 1:  # with more shards, another queue may have taken some of them
            await asyncio.shield(arriving.undo())
        raise
    base = deps.settings.base_url
    return UploadsBody(uploads=[AcceptedBody.of(job, asked, base) for job, asked in zip(jobs, requests, strict=True)])


@router.post("/api/jobs", status_code=202, tags=["photos in"])
async def submit(body: SubmitBody, deps: Deps) -> AcceptedJobsBody:
    """Make thumbnails of photos that are already in a bucket."""
    sources = dict.fromkeys(deps.policy.check(Source.parse(uri)) for uri in body.sources)
    requests = [replace(_requested(deps, str(one), body.priority), folder_id=body.folder_id) for one in sources]
    jobs = await deps.queue.enqueue(requests)
    base = deps.settings.base_url
    return AcceptedJobsBody(jobs=[AcceptedBody.of(job, asked, base) for job, asked in zip(jobs, requests, strict=True)])


@router.post("/api/notifications/s3", openapi_extra=_ANY_OBJECT_OR_LIST, tags=["photos in"])
async def notified_by_s3(request: Request, deps: Deps) -> NotifiedBody:
    """Receive event notifications of Amazon S3 (by SNS, SQS or EventBridge), MinIO or a compatible store."""
    token = deps.settings.notification_token
    notification = s3.read(await request.body(), request.headers, token=token.get_secret_value() if token else None)
    if isinstance(notification, Confirmation):
        await confirm(notification)
        return NotifiedBody(accepted=0, removed=0, ignored=1)
    return await _notified(notification, deps)


@router.post("/api/notifications/b2", openapi_extra=_ANY_OBJECT, tags=["photos in"])
async def notified_by_b2(request: Request, deps: Deps) -> NotifiedBody:
    """Receive event notifications of Backblaze B2."""
    secret = deps.settings.b2_signing_secret
    notification = b2.read(await request.body(), request.headers, secret=secret.get_secret_value() if secret else None)
    return await _notified(notification, deps)


async def _notified(notification: Notification, deps: Dependencies) -> NotifiedBody:
    wanted = [event for event in notification.events if _wanted(event, deps)]
    jobs = await deps.queue.enqueue([_of_event(deps, event) for event in wanted]) if wanted else []
    removed = sum(isinstance(event, RemovalEvent) for event in wanted)
    ignored = notification.ignored + len(notification.events) - len(jobs) - removed
    return NotifiedBody(accepted=len(jobs), removed=removed, ignored=ignored)


def _wanted(event: Event, deps: Dependencies) -> bool:
    try:
        source = Source.parse(event.source)
    except BadSource as error:  # not a refusal, because sending it again would not help
        emit("event.unreadable", source=ascii(event.source)[:2000], reason=error.reason)
        return False
    if isinstance(event, UploadEvent) and is_folder_marker(source.key, event.size_bytes):
        return False
    # An upload has its job already; the bucket's word of it would come between, as of a newer version.
    is_upload = isinstance(event, UploadEvent) and event.source.startswith(deps.settings.originals_uri)
    if is_upload or not deps.policy.allows(source):
        emit("event.unwanted", source=event.source, output=deps.policy.is_output(source))
        return False
    return True


def _of_event(deps: Dependencies, event: Event) -> Change:
    if isinstance(event, RemovalEvent):
        photo_id = new_id(now=deps.now())
        return Removal(photo_id=photo_id, source=event.source, event_id=event.id, sequence=event.sequence)
    request = _requested(deps, event.source, Priority.NORMAL)
    request = replace(request, version=event.version, size_bytes=event.size_bytes)
    return replace(request, event_id=event.id, sequence=event.sequence)


def _requested(deps: Dependencies, source: str, priority: Priority) -> JobRequest:
    now = deps.now()
    return JobRequest(job_id=new_id(now=now), photo_id=new_id(now=now), source=source, priority=priority)


# --- jobs


@router.get("/api/jobs", response_model=JobsBody, tags=["jobs"])
async def jobs(
    request: Request,
    deps: Deps,
    *,
    state: Annotated[State | None, Query()] = None,
    cursor: Annotated[Text | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """List jobs, the newest first."""
    page = await deps.queue.jobs(state=state, after=cursor, limit=limit)
    base = deps.settings.base_url
    return _cached_json(request, "jobs").response(
        page, lambda: JobsBody(jobs=[JobBody.of(job, base) for job in page], next_cursor=_cursor(page, limit))
    )


def _cached_json(request: Request, what: str) -> CachedJson:
    cached: dict[str, CachedJson] = request.app.state.cached_json
    return cached[what]


def _cursor(page: Sequence[object], limit: int) -> str | None:
    return getattr(page[-1], "id", None) if len(page) == limit else None


@router.get("/api/jobs/{job_id}", tags=["jobs"])
async def job(job_id: JobId, deps: Deps) -> JobBody:
    """Return a job."""
    return JobBody.of(await deps.queue.job(job_id), deps.settings.base_url)


@router.post("/api/jobs/{job_id}/retry", tags=["jobs"])
async def retry(job_id: JobId, deps: Deps) -> JobBody:
    """Try a failed job again."""
    return JobBody.of(await deps.queue.retry(job_id), deps.settings.base_url)


@router.post("/api/jobs/{job_id}/cancel", tags=["jobs"])
async def cancel(job_id: JobId, deps: Deps) -> JobBody:
    """End a job that is not finished."""
    return JobBody.of(await deps.queue.cancel(job_id), deps.settings.base_url)


# --- photos and thumbnails


@router.get("/api/photos/{photo_id}", tags=["photos"])
async def photo(photo_id: JobId, deps: Deps) -> PhotoBody:
    """Return a photo and its thumbnails."""
    return PhotoBody.of(await deps.queue.photo(photo_id), deps.link)


@router.head("/thumbnails/{path:path}", response_class=FileResponse, include_in_schema=False)
@router.get("/thumbnails/{path:path}", response_class=FileResponse, tags=["photos"])
async def thumbnail(path: Annotated[str, Path(max_length=1024)], deps: Deps) -> OpenFileResponse:
    """Serve a thumbnail from a file store. Clients may cache it for ever: a changed photo has other addresses."""
    try:
        file = deps.open_thumbnail(path)
    except NoSuchObject as error:
        raise UnknownThumbnail("there is no such thumbnail") from error
    headers = {"Cache-Control": CACHE_CONTROL, "X-Content-Type-Options": "nosniff"}
    # The machine's table of file names is not asked: a slim image's table does not have WebP.
    kind = Format.of_name(path)
    return OpenFileResponse(file, kind.content_type if kind else "application/octet-stream", headers)


# --- the service


@router.get("/api/thumbnails/status", response_model=StatusBody, tags=["service"])
async def status(request: Request, deps: Deps) -> Response:
    """Return the figures of the queue and its slots."""
    figures = await deps.queue.status()
    return _cached_json(request, "status").response(figures, lambda: StatusBody.of(figures))


@router.post("/api/reconciliation", status_code=202, tags=["service"])
async def reconcile(deps: Deps) -> ReconciliationBody:
    """Compare the watched places and the thumbnails with the record, and repair the differences at LOW priority."""
    return ReconciliationBody.of(await deps.queue.reconcile())


@router.get("/api/reconciliation", tags=["service"])
async def reconciliation(deps: Deps) -> ReconciliationBody:
    """Return the comparison that runs, or the last one."""
    return ReconciliationBody.of(await deps.queue.reconciliation())


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", tags=["service"])
async def alive() -> dict[str, str]:
    """Answer 200 while the process runs."""
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", tags=["service"])
async def ready(deps: Deps) -> dict[str, str]:
    """Answer 200 if the queue, the database and the store answer, else an error that names what does not."""
    await deps.queue.check()
    return {"status": "ready"}
