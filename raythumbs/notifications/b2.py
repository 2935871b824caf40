"""Backblaze B2 event notifications. Source: Backblaze, "Event Notifications Reference Guide"."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from raythumbs.errors import BadRequest, Unauthorised
from raythumbs.notifications.event import (
    Event,
    Notification,
    RemovalEvent,
    UploadEvent,
    event_id,
    listed,
    parsed,
    read_each,
    size_bytes,
    storable,
    text,
    understood,
)

_CREATED = {f"b2:ObjectCreated:{how}" for how in ("Upload", "MultipartUpload", "Copy", "Replica", "MultipartReplica")}
_HIDDEN = {"b2:HideMarkerCreated:Hide", "b2:HideMarkerCreated:LifecycleRule"}
_DELETED = {"b2:ObjectDeleted:Delete", "b2:ObjectDeleted:LifecycleRule"}  # of one version; an older one may show up
_MOST_MILLISECONDS = 10**20
_TEST = "b2:TestEvent"
_SIGNATURE = "x-bz-event-notification-signature"


def read(body: bytes, headers: Mapping[str, str], *, secret: str | None) -> Notification:
    """Return the notification in the body, or raise BadRequest. With a secret, raise Unauthorised if it is not signed.

    A signed body is of a proven sender. A body with only test events needs no signature, because B2's console signs
    them with its own key.
    """
    if secret is not None:
        if _signed(body, headers.get(_SIGNATURE, ""), secret):
            return read_genuine(body)
        if not _has_only_tests(body):
            raise Unauthorised(f"{_SIGNATURE} is missing, or is not of this body by RAYTHUMBS_B2_SIGNING_SECRET")
    return understood(lambda: _read(body), proven=False)


def read_genuine(body: bytes) -> Notification:
    """Return the notification of a proven sender. What cannot be understood is a fault of the notification."""
    return understood(lambda: _read(body), proven=True)


def _read(body: bytes) -> Notification:
    return read_each(listed(parsed(body), "events"), _event_of)


def _has_only_tests(body: bytes) -> bool:
    return all(event.get("eventType") == _TEST for event in listed(parsed(body), "events"))


def _signed(body: bytes, header: str, secret: str) -> bool:
    right = "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(given.strip().encode(), right.encode()) for given in header.split(","))


def _event_of(event: Mapping[str, Any]) -> Event | None:
    kind = text(event.get("eventType"))
    if not kind:
        raise BadRequest("an event has no readable eventType")
    return _event(event) if kind in _CREATED | _HIDDEN | _DELETED else None


def _event(event: Mapping[str, Any]) -> Event:
    bucket, key, own_id = (text(event.get(name)) for name in ("bucketName", "objectName", "eventId"))
    if not (bucket and key and own_id):
        raise BadRequest("an event lacks a readable bucketName, objectName or eventId")
    source, sequence = f"s3://{bucket}/{key}", _sequence(event.get("eventTimestamp"))
    if text(event.get("eventType")) in _HIDDEN:
        return RemovalEvent(id=event_id("b2", own_id), source=source, sequence=sequence)
    return UploadEvent(
        id=event_id("b2", own_id),
        source=source,
        version=storable(event.get("objectVersionId")),
        size_bytes=size_bytes(event.get("objectSize")),
        sequence=sequence,
    )


def _sequence(milliseconds: object) -> str | None:
    if not isinstance(milliseconds, int) or not 0 <= milliseconds < _MOST_MILLISECONDS:
        return None
    return f"b2:{milliseconds:020d}"
