"""Notifications: senders report what happened in a bucket."""

from dataclasses import replace

from fastapi import APIRouter, Request

from raythumbs.errors import BadSource
from raythumbs.events import emit
from raythumbs.model.ids import new_id
from raythumbs.model.job import Change, Priority, Removal
from raythumbs.model.source import Source, is_folder_marker
from raythumbs.notifications import b2, s3
from raythumbs.notifications.envelopes import Confirmation
from raythumbs.notifications.event import Event, Notification, RemovalEvent, UploadEvent
from raythumbs.web.bodies import NotifiedBody
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.job_requests import job_request
from raythumbs.web.subscription import confirm

EVENT_PATHS = "/api/notifications/"
_ANY_OBJECT = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}  # fmt: skip
_ANY_OBJECT_OR_LIST = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": ["object", "array"]}}}}
}  # fmt: skip


router = APIRouter(tags=["photos in"])


@router.post("/api/notifications/s3", openapi_extra=_ANY_OBJECT_OR_LIST)
async def notified_by_s3(request: Request, deps: Deps) -> NotifiedBody:
    """Receive event notifications of Amazon S3 (by SNS, SQS or EventBridge), MinIO or a compatible store."""
    token = deps.settings.notification_token
    notification = s3.read(await request.body(), request.headers, token=token.get_secret_value() if token else None)
    if isinstance(notification, Confirmation):
        await confirm(notification)
        return NotifiedBody(accepted=0, removed=0, ignored=1)
    return await _notified(notification, deps)


@router.post("/api/notifications/b2", openapi_extra=_ANY_OBJECT)
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
    request = job_request(deps, event.source, Priority.NORMAL)
    folder_id = deps.folder_rule.of(event.source)
    request = replace(request, version=event.version, size_bytes=event.size_bytes, folder_id=folder_id)
    return replace(request, event_id=event.id, sequence=event.sequence)
