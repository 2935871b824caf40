"""Event records of Amazon S3, MinIO and compatible stores.

Source of the shapes: Amazon S3 User Guide, "Event message structure" (2.x); MinIO's internal/event/event.go.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from raythumbs.errors import BadRequest, Unauthorised
from raythumbs.notifications.event import (
    Event,
    Notification,
    RemovalEvent,
    UploadEvent,
    event_id,
    listed,
    parsed,
    size_bytes,
    storable,
    text,
)

# Exact names, because MinIO uses ObjectCreated for changes of tags and retention too. It also adds `s3:` to names.
_CREATED = {f"ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")}
_MARKED = {"ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:DeleteMarkerCreated"}
# In a bucket with versions, this deletes one version, and an older one may show up. Otherwise it deletes the object.
_DELETED = {"ObjectRemoved:Delete", "LifecycleExpiration:Delete"}
_SEQUENCER_LETTERS = 40


def read(body: bytes, headers: Mapping[str, str], *, token: str | None) -> Notification:
    """Return the notification in the body, or raise BadRequest. Raise Unauthorised if `token` is set and not given."""
    if token is not None:
        _authorise(headers.get("authorization", ""), token)
    fields = parsed(body)
    if fields.get("Event") == "s3:TestEvent":
        return Notification(events=(), ignored=1)
    records = listed(fields, "Records")
    wanted = [record for record in records if _name(record) in _CREATED | _MARKED | _DELETED]
    return Notification(events=tuple(_event(record) for record in wanted), ignored=len(records) - len(wanted))


def _authorise(given: str, token: str) -> None:
    # MinIO sends `Bearer <token>` for a token of one word. Its successor sends the value unchanged.
    if not any(hmac.compare_digest(given.encode(), right.encode()) for right in (f"Bearer {token}", token)):
        raise Unauthorised("the notification's Authorization header is not `Bearer <RAYTHUMBS_NOTIFICATION_TOKEN>`")


def _name(record: Mapping[str, Any]) -> str:
    return text(record.get("eventName")).removeprefix("s3:")


def _event(record: Mapping[str, Any]) -> Event:
    try:
        bucket = text(record["s3"]["bucket"]["name"])
        found = record["s3"]["object"]
        key = unquote_plus(text(found["key"]), errors="strict")  # form encoding: a space is `+`, a plus is `%2B`
        version_id = storable(found.get("versionId"))
        version = storable(found.get("eTag")) or version_id
        size = found.get("size")
        sequence = _sequence(text(found.get("sequencer")))
    except (KeyError, TypeError, UnicodeDecodeError, AttributeError) as error:
        raise BadRequest(f"a record has no readable s3.bucket.name and s3.object.key: {error!r}") from error
    if not (bucket and key):
        raise BadRequest("a record has no readable s3.bucket.name and s3.object.key")
    known_as, source = _id(record, bucket, key), f"s3://{bucket}/{key}"
    if _name(record) in _MARKED or (_name(record) in _DELETED and version_id is None):
        return RemovalEvent(id=known_as, source=source, sequence=sequence)
    return UploadEvent(id=known_as, source=source, version=version, size_bytes=size_bytes(size), sequence=sequence)


def _sequence(sequencer: str) -> str | None:
    """Return the sequencer, a hexadecimal number, padded so that it sorts as text (Amazon's user guide: "left-pad")."""
    if not re.fullmatch(rf"[0-9A-Fa-f]{{1,{_SEQUENCER_LETTERS}}}", sequencer):
        return None
    return f"s3:{sequencer.lower():0>{_SEQUENCER_LETTERS}}"


def _id(record: Mapping[str, Any], bucket: str, key: str) -> str:
    """Return an id, which records lack. The sequencer distinguishes a key's events; without it, request and time do."""
    name, sequencer = text(record.get("eventName")), text(record["s3"]["object"].get("sequencer"))
    if sequencer:
        return event_id("s3", bucket, key, name, sequencer)
    answer = record.get("responseElements")
    request = answer if isinstance(answer, dict) else {}
    facts = (request.get("x-amz-request-id"), request.get("x-amz-id-2"), record.get("eventTime"))
    return event_id("s3", bucket, key, name, *map(text, facts))
