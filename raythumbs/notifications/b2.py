"""Backblaze B2 event notifications. Source: Backblaze, "Event Notifications Reference Guide"."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from raythumbs.errors import BadRequest, Unauthorised
from raythumbs.notifications.event import (
    Notification,
    UploadEvent,
    event_id,
    listed,
    parsed,
    size_bytes,
    storable,
    text,
)

_CREATED = {f"b2:ObjectCreated:{how}" for how in ("Upload", "MultipartUpload", "Copy", "Replica", "MultipartReplica")}
_TEST = "b2:TestEvent"
_SIGNATURE = "x-bz-event-notification-signature"


def read(body: bytes, headers: Mapping[str, str], *, secret: str | None) -> Notification:
    """Return what the body tells of, or raise BadRequest; Unauthorised if there is a secret and no signature by it.

    A body of nothing but test events needs no signature: B2's console signs them with a key of its own.
    """
    told = parsed(body)
    events = listed(told, "events")
    only_tests = all(event.get("eventType") == _TEST for event in events)
    if secret is not None and not only_tests and not _signed(body, headers.get(_SIGNATURE, ""), secret):
        raise Unauthorised(f"{_SIGNATURE} is missing, or is not of this body by RAYTHUMBS_B2_SIGNING_SECRET")
    wanted = [event for event in events if text(event.get("eventType")) in _CREATED]
    return Notification(events=tuple(_event(event) for event in wanted), ignored=len(events) - len(wanted))


def _signed(body: bytes, header: str, secret: str) -> bool:
    right = "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(given.strip().encode(), right.encode()) for given in header.split(","))


def _event(event: Mapping[str, Any]) -> UploadEvent:
    bucket, key, known_as = (text(event.get(name)) for name in ("bucketName", "objectName", "eventId"))
    if not (bucket and key and known_as):
        raise BadRequest("an event lacks a readable bucketName, objectName or eventId")
    return UploadEvent(
        id=event_id("b2", known_as),
        source=f"s3://{bucket}/{key}",
        version=storable(event.get("objectVersionId")),
        size_bytes=size_bytes(event.get("objectSize")),
    )
