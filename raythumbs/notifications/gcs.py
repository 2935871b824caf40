"""Events of Google Cloud Storage, as Pub/Sub pushes them.

Sources: Cloud Storage, "Pub/Sub notifications for Cloud Storage"; Pub/Sub, "Push subscriptions"; Eventarc,
"google.cloud.storage.object.v1".
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from raythumbs.errors import BadRequest
from raythumbs.notifications.event import (
    Event,
    Notification,
    RemovalEvent,
    UploadEvent,
    event_id,
    json_of,
    parsed,
    read_each,
    size_bytes,
    text,
    understood,
)

_MOST_DIGITS = 20
_OF_NO_INTEREST = {"OBJECT_METADATA_UPDATE", "OBJECT_INITIALIZE"}
_CREATED, _DELETED, _ARCHIVED = "OBJECT_FINALIZE", "OBJECT_DELETE", "OBJECT_ARCHIVE"
# Eventarc's types, as the types of Pub/Sub.
TYPES = {
    "google.cloud.storage.object.v1.finalized": "OBJECT_FINALIZE",
    "google.cloud.storage.object.v1.deleted": "OBJECT_DELETE",
    "google.cloud.storage.object.v1.archived": "OBJECT_ARCHIVE",
    "google.cloud.storage.object.v1.metadataUpdated": "OBJECT_METADATA_UPDATE",
}


def read_genuine(body: bytes) -> Notification:
    """Return the notification in a push whose token was verified (see `google_token`).

    What cannot be understood is a fault of the notification.
    """
    return understood(lambda: read_each([parsed(body)], _pushed), proven=True)


def _pushed(body: Mapping[str, Any]) -> Event | None:
    message = body.get("message")
    attributes = message.get("attributes") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(attributes, dict):
        raise BadRequest("the body has no message.attributes: it is no push of Pub/Sub with wrapping")
    names = {"bucket": "bucketId", "name": "objectId", "generation": "objectGeneration"}
    about = {name: attributes.get(theirs) for name, theirs in names.items()}
    kind = text(attributes.get("eventType"))
    event = event_of(_resource(message.get("data")) | about, kind=kind)
    # Another object has its place: that one has an event of its own.
    return None if kind != _CREATED and "overwrittenByGeneration" in attributes else event


def _resource(data: object) -> dict[str, Any]:
    """Return the object's resource, which is absent if the notification was made with the payload format NONE."""
    if not text(data):
        return {}
    try:
        value = json_of(b64decode(text(data), validate=True))
    except (ValueError, BadRequest):
        return {}  # it has only the size
    return value if isinstance(value, dict) else {}


def event_of(about: object, *, kind: str) -> Event | None:
    """Return an event as an upload or a removal, or None if it changes no object's content.

    `about` is the object's resource. Raises BadRequest for an event that is not of Cloud Storage.
    """
    if kind in _OF_NO_INTEREST:
        return None
    if kind not in {_CREATED, _DELETED, _ARCHIVED}:
        raise BadRequest(f"the event type {kind[:100]!a} is not understood: send OBJECT_FINALIZE and OBJECT_DELETE")
    if not isinstance(about, dict):
        raise BadRequest("the event has no object's resource")
    bucket, key, generation = text(about.get("bucket")), text(about.get("name")), _number(about.get("generation"))
    if not (bucket and key and generation):
        raise BadRequest("the event has no readable bucket, object and generation")
    id_, source = event_id("gcs", bucket, key, str(generation), kind), f"s3://{bucket}/{key}"
    sequence = f"gcs:{generation:0{_MOST_DIGITS}d}"
    if kind == _ARCHIVED:
        return RemovalEvent(id=id_, source=source, sequence=sequence)
    if kind == _DELETED:  # perhaps of an old generation, in a bucket with versions: the object is checked again
        return UploadEvent(id=id_, source=source, version=None, size_bytes=None, sequence=sequence)
    size = size_bytes(_number(about.get("size")))
    return UploadEvent(id=id_, source=source, version=str(generation), size_bytes=size, sequence=sequence)


def _number(value: object) -> int | None:
    """Return a number that JSON has as text, because it has 64 bits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 10**_MOST_DIGITS else None
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS else None
