"""Notifications: senders report what happened in a bucket."""

from fastapi import APIRouter, Request

from raythumbs.model.job import Removal
from raythumbs.notifications import b2, s3
from raythumbs.notifications.changes import Wanted
from raythumbs.notifications.envelopes import Confirmation
from raythumbs.notifications.event import Notification
from raythumbs.web.bodies import NotifiedBody
from raythumbs.web.dependencies import Dependencies, Deps
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
    wanted = Wanted(policy=deps.policy, originals_uri=deps.settings.originals_uri, now=deps.now)
    changes = wanted.changes_of(notification.events)
    jobs = await deps.queue.enqueue(changes) if changes else []
    removed = sum(isinstance(change, Removal) for change in changes)
    ignored = notification.ignored + len(notification.events) - len(jobs) - removed
    return NotifiedBody(accepted=len(jobs), removed=removed, ignored=ignored)
