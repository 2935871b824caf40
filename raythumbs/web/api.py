"""The routes. A door parses, calls one verb, shapes the reply."""

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
from raythumbs.web.clients import Clients
from raythumbs.web.conditional import ConditionalFileResponse
from raythumbs.web.limits import BodyLimits
from raythumbs.web.parts import Parts, PartsHere
from raythumbs.web.rendered import Rendered
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


def make_app(parts: Parts, *, behind_haproxy: bool = False) -> FastAPI:
    """Return the whole application over its parts; HAProxy tells it the address of who is connected."""
    app = FastAPI(
        title="raythumbs",
        version=__version__,
        summary="Thumbnails of uploaded photos",
        strict_content_type=False,  # a body without a type is JSON: a page's would have an Origin, see OnlyOwnPages
    )
    app.state.parts = parts
    app.state.upload_room = UploadRoom()
    app.state.rendered = {"jobs": Rendered(), "status": Rendered()}
    app.include_router(router)
    clients = Clients(trusted_proxies=parts.settings.trusted_proxies, behind_haproxy=behind_haproxy)
    visitors = Visitors.of(parts.settings)
    app.add_middleware(OnlyOwnPages, visitors=visitors, form_path=_UPLOAD_PATH, event_paths=_EVENT_PATHS)
    if parts.settings.allowed_origins:
        origins, methods = parts.settings.allowed_origins, ("GET", "POST")
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=methods, allow_headers=("Content-Type",)
        )
    app.add_middleware(BodyLimits, settings=parts.settings, clients=clients, upload_path=_UPLOAD_PATH)
    tell_errors(app)
    return app


# --- photos in


@router.post(_UPLOAD_PATH, status_code=202, openapi_extra=_UPLOAD_FORM, tags=["photos in"])
async def upload(request: Request, parts: PartsHere) -> UploadsBody:
    """Upload one or more photos. One photo is HIGH priority: a person waits for it."""
    await parts.queue.admit()
    arriving = Upload(parts, request.app.state.upload_room, request.headers.get("content-type", ""))
    requests = await arriving.receive(request.stream())
    try:
        jobs = await parts.queue.enqueue(requests)
    except Overloaded:
        if parts.settings.queue_shards == 1:  # else another queue may have taken its part of them
            await asyncio.shield(arriving.undo())
        raise
    base = parts.settings.base_url
    return UploadsBody(uploads=[AcceptedBody.of(job, asked, base) for job, asked in zip(jobs, requests, strict=True)])


@router.post("/api/jobs", status_code=202, tags=["photos in"])
async def submit(body: SubmitBody, parts: PartsHere) -> AcceptedJobsBody:
    """Make thumbnails of photos that lie in a bucket already."""
    sources = dict.fromkeys(parts.policy.check(Source.parse(uri)) for uri in body.sources)
    requests = [replace(_requested(parts, str(one), body.priority), folder_id=body.folder_id) for one in sources]
    jobs = await parts.queue.enqueue(requests)
    base = parts.settings.base_url
    return AcceptedJobsBody(jobs=[AcceptedBody.of(job, asked, base) for job, asked in zip(jobs, requests, strict=True)])


@router.post("/api/notifications/s3", openapi_extra=_ANY_OBJECT_OR_LIST, tags=["photos in"])
async def notified_by_s3(request: Request, parts: PartsHere) -> NotifiedBody:
    """Take an event of Amazon S3 (by SNS, SQS or EventBridge), MinIO or a look-alike."""
    token = parts.settings.notification_token
    told = s3.read(await request.body(), request.headers, token=token.get_secret_value() if token else None)
    if isinstance(told, Confirmation):
        await confirm(told)
        return NotifiedBody(accepted=0, removed=0, ignored=1)
    return await _notified(told, parts)


@router.post("/api/notifications/b2", openapi_extra=_ANY_OBJECT, tags=["photos in"])
async def notified_by_b2(request: Request, parts: PartsHere) -> NotifiedBody:
    """Take an event of Backblaze B2."""
    secret = parts.settings.b2_signing_secret
    told = b2.read(await request.body(), request.headers, secret=secret.get_secret_value() if secret else None)
    return await _notified(told, parts)


async def _notified(told: Notification, parts: Parts) -> NotifiedBody:
    wanted = [event for event in told.events if _wanted(event, parts)]
    jobs = await parts.queue.enqueue([_of_event(parts, event) for event in wanted]) if wanted else []
    removed = sum(isinstance(event, RemovalEvent) for event in wanted)
    ignored = told.ignored + len(told.events) - len(jobs) - removed
    return NotifiedBody(accepted=len(jobs), removed=removed, ignored=ignored)


def _wanted(event: Event, parts: Parts) -> bool:
    try:
        source = Source.parse(event.source)
    except BadSource as error:  # sending it again would not help, so it is not refused
        emit("event.unreadable", source=ascii(event.source)[:2000], reason=error.reason)
        return False
    if isinstance(event, UploadEvent) and is_folder_marker(source.key, event.size_bytes):
        return False
    # An upload has its job already; the bucket's word of it would come between, as of a newer version.
    is_upload = isinstance(event, UploadEvent) and event.source.startswith(parts.settings.originals_uri)
    if is_upload or not parts.policy.allows(source):
        emit("event.unwanted", source=event.source, output=parts.policy.is_output(source))
        return False
    return True


def _of_event(parts: Parts, event: Event) -> Change:
    if isinstance(event, RemovalEvent):
        photo_id = new_id(now=parts.now())
        return Removal(photo_id=photo_id, source=event.source, event_id=event.id, sequence=event.sequence)
    request = _requested(parts, event.source, Priority.NORMAL)
    request = replace(request, version=event.version, size_bytes=event.size_bytes)
    return replace(request, event_id=event.id, sequence=event.sequence)


def _requested(parts: Parts, source: str, priority: Priority) -> JobRequest:
    now = parts.now()
    return JobRequest(job_id=new_id(now=now), photo_id=new_id(now=now), source=source, priority=priority)


# --- jobs


@router.get("/api/jobs", response_model=JobsBody, tags=["jobs"])
async def jobs(
    request: Request,
    parts: PartsHere,
    *,
    state: Annotated[State | None, Query()] = None,
    cursor: Annotated[Text | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """List jobs, the newest first."""
    page = await parts.queue.jobs(state=state, after=cursor, limit=limit)
    base = parts.settings.base_url
    return _rendered(request, "jobs").response(
        page, lambda: JobsBody(jobs=[JobBody.of(job, base) for job in page], next_cursor=_cursor(page, limit))
    )


def _rendered(request: Request, what: str) -> Rendered:
    rendered: dict[str, Rendered] = request.app.state.rendered
    return rendered[what]


def _cursor(page: Sequence[object], limit: int) -> str | None:
    return getattr(page[-1], "id", None) if len(page) == limit else None


@router.get("/api/jobs/{job_id}", tags=["jobs"])
async def job(job_id: JobId, parts: PartsHere) -> JobBody:
    """Tell of a job."""
    return JobBody.of(await parts.queue.job(job_id), parts.settings.base_url)


@router.post("/api/jobs/{job_id}/retry", tags=["jobs"])
async def retry(job_id: JobId, parts: PartsHere) -> JobBody:
    """Try a failed job again."""
    return JobBody.of(await parts.queue.retry(job_id), parts.settings.base_url)


@router.post("/api/jobs/{job_id}/cancel", tags=["jobs"])
async def cancel(job_id: JobId, parts: PartsHere) -> JobBody:
    """End a job that is not finished."""
    return JobBody.of(await parts.queue.cancel(job_id), parts.settings.base_url)


# --- photos and thumbnails


@router.get("/api/photos/{photo_id}", tags=["photos"])
async def photo(photo_id: JobId, parts: PartsHere) -> PhotoBody:
    """Tell of a photo and its thumbnails."""
    return PhotoBody.of(await parts.queue.photo(photo_id), parts.link)


@router.head("/thumbnails/{path:path}", response_class=FileResponse, include_in_schema=False)
@router.get("/thumbnails/{path:path}", response_class=FileResponse, tags=["photos"])
async def thumbnail(path: Annotated[str, Path(max_length=1024)], parts: PartsHere) -> FileResponse:
    """Serve a thumbnail of the file store. Its address changes when its photo does, so it may be kept for ever."""
    try:
        file = parts.thumbnail_file(path)
        found = file.stat()
    except (NoSuchObject, FileNotFoundError) as error:
        raise UnknownThumbnail("there is no such thumbnail") from error
    headers = {"Cache-Control": CACHE_CONTROL, "X-Content-Type-Options": "nosniff"}
    # Not by the machine's table of file names: slim images have none that knows WebP.
    kind = Format.of_name(path)
    content_type = kind.content_type if kind else "application/octet-stream"
    return ConditionalFileResponse(file, stat_result=found, media_type=content_type, headers=headers)


# --- the service


@router.get("/api/thumbnails/status", response_model=StatusBody, tags=["service"])
async def status(request: Request, parts: PartsHere) -> Response:
    """Tell of the queue and its slots."""
    told = await parts.queue.status()
    return _rendered(request, "status").response(told, lambda: StatusBody.of(told))


@router.post("/api/reconciliation", status_code=202, tags=["service"])
async def reconcile(parts: PartsHere) -> ReconciliationBody:
    """Compare the watched places and the thumbnails with the record, and mend what differs, at LOW priority."""
    return ReconciliationBody.of(await parts.queue.reconcile())


@router.get("/api/reconciliation", tags=["service"])
async def reconciliation(parts: PartsHere) -> ReconciliationBody:
    """Tell of the comparison that runs, or of the last one."""
    return ReconciliationBody.of(await parts.queue.reconciliation())


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", tags=["service"])
async def alive() -> dict[str, str]:
    """Answer, if only to say so."""
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", tags=["service"])
async def ready(parts: PartsHere) -> dict[str, str]:
    """Answer 200 if the queue, the database and the store do, else an error that tells which does not."""
    await parts.queue.check()
    return {"status": "ready"}
