"""Event records of Amazon S3, MinIO and compatible stores.

Sources of the shapes and names: Amazon S3 User Guide, "Event message structure" (2.x) and "Event notification types and
destinations"; MinIO's internal/event/event.go and name.go; Ceph, "S3 Bucket Notifications Compatibility".
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from raythumbs.errors import BadRequest
from raythumbs.notifications.envelopes import Message, is_unsubscription, opened
from raythumbs.notifications.event import (
    Event,
    Notification,
    RemovalEvent,
    UploadEvent,
    event_id,
    json_of,
    read_each,
    size_bytes,
    storable,
    text,
    understood,
)
from raythumbs.notifications.eventbridge import event_of, is_of_eventbridge
from raythumbs.notifications.sequencer import sequence_of
from raythumbs.notifications.sns import Confirmation, confirmation
from raythumbs.notifications.token import authorise

# Exact names: MinIO files changes of tags and retention under ObjectCreated too. It also writes `s3:` before them.
_CREATED = {
    *(f"ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")),
    "ObjectRestore:Completed",  # it was archived, and can be read now
    "ObjectSynced:Create", "Replication:Create",  # Ceph, of another zone's object
}  # fmt: skip
_MARKED = {
    "ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:DeleteMarkerCreated",
    "ObjectRemoved:DeleteAllVersions", "LifecycleDelMarkerExpiration:Delete",  # MinIO
    "ObjectLifecycle:Expiration:Current", "ObjectSynced:DeletionMarkerCreated", "Replication:DeletionMarkerCreated",
}  # fmt: skip
# Of one version where there are versions, and another may be shown then; else of the object.
_DELETED = {"ObjectRemoved:Delete", "LifecycleExpiration:Delete", "ObjectSynced:Delete", "Replication:Delete"}


def read(body: bytes, headers: Mapping[str, str], *, token: str | None) -> Notification | Confirmation:
    """Return what the body says, or raise BadRequest; with a token, raise Unauthorised if the headers lack it.

    With a token the sender is proven.
    """
    if token is None:
        return understood(lambda: _read(json_of(body)), proven=False)
    authorise(headers.get("authorization", ""), token)
    return read_genuine(body)


def read_genuine(body: bytes) -> Notification | Confirmation:
    """Return what the body of a proven sender says. What cannot be understood is a fault of the notification."""
    return understood(lambda: _read(json_of(body)), proven=True)


def read_signed(message: dict[str, Any]) -> Notification | Confirmation:
    """Return what a message of SNS says. It has only fields that SNS signed: see `sns.verify`."""
    return understood(lambda: _read(message), proven=True)


def event_of_message(message: Message | BadRequest) -> Event | None:
    """Return the message as an upload or a removal, or None if it changes no object's content."""
    if isinstance(message, BadRequest):  # an envelope that cannot be opened
        raise message
    return _event_of(message)


def _read(value: object) -> Notification | Confirmation:
    return confirmation(value) or notification_in(value)


def notification_in(value: object) -> Notification:
    """Return the events in a body's JSON, with the envelopes around them opened, and what cannot be understood."""
    return read_each(opened(value), event_of_message)


def _event_of(message: Message) -> Event | None:
    if message.get("Event") == "s3:TestEvent" or is_unsubscription(message):
        return None
    if is_of_eventbridge(message):
        return event_of(message)
    if not (_name(message) and isinstance(message.get("s3"), dict)):
        raise BadRequest(
            "the body is no event of S3, of MinIO or a look-alike, of EventBridge, nor SNS or SQS with one"
        )
    return _event(message) if _name(message) in _CREATED | _MARKED | _DELETED else None


def _name(record: Mapping[str, Any]) -> str:
    return text(record.get("eventName")).removeprefix("s3:")


def _event(record: Mapping[str, Any]) -> Event:
    try:
        bucket = text(record["s3"]["bucket"]["name"])
        about = record["s3"]["object"]
        key = unquote_plus(text(about["key"]), errors="strict")  # form encoding: a space is `+`, a plus is `%2B`
        version_id = storable(about.get("versionId"))
        version = storable(about.get("eTag")) or version_id
        size = about.get("size")
        sequence = sequence_of(text(about.get("sequencer")))
    except (KeyError, TypeError, UnicodeDecodeError, AttributeError) as error:
        raise BadRequest(f"a record has no readable s3.bucket.name and s3.object.key: {error!r}") from error
    if not (bucket and key):
        raise BadRequest("a record has no readable s3.bucket.name and s3.object.key")
    id_, source = _id(record, bucket, key), f"s3://{bucket}/{key}"
    if _name(record) in _MARKED or (_name(record) in _DELETED and version_id is None):
        return RemovalEvent(id=id_, source=source, sequence=sequence)
    return UploadEvent(id=id_, source=source, version=version, size_bytes=size_bytes(size), sequence=sequence)


def _id(record: Mapping[str, Any], bucket: str, key: str) -> str:
    """Records have no id. The sequencer tells a key's events apart; without one, the request and the time do."""
    name, sequencer = text(record.get("eventName")), text(record["s3"]["object"].get("sequencer"))
    if sequencer:
        return event_id("s3", bucket, key, name, sequencer)
    answer = record.get("responseElements")
    request = answer if isinstance(answer, dict) else {}
    others = (request.get("x-amz-request-id"), request.get("x-amz-id-2"), record.get("eventTime"))
    return event_id("s3", bucket, key, name, *map(text, others))
