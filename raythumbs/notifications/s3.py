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

# Exact names: MinIO files changes of tags and retention under ObjectCreated too. It also writes `s3:` before them.
_CREATED = {f"ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")}
_MARKED = {"ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:DeleteMarkerCreated"}
# Of one version where there are versions, and another may be shown then; else of the object.
_DELETED = {"ObjectRemoved:Delete", "LifecycleExpiration:Delete"}
_SEQUENCER_LETTERS = 40


def read(body: bytes, headers: Mapping[str, str], *, token: str | None) -> Notification:
    """Return what the body tells of, or raise BadRequest; Unauthorised if a token is asked for and not given."""
    if token is not None:
        _authorise(headers.get("authorization", ""), token)
    told = parsed(body)
    if told.get("Event") == "s3:TestEvent":
        return Notification(events=(), ignored=1)
    records = listed(told, "Records")
    wanted = [record for record in records if _name(record) in _CREATED | _MARKED | _DELETED]
    return Notification(events=tuple(_event(record) for record in wanted), ignored=len(records) - len(wanted))


def _authorise(given: str, token: str) -> None:
    # MinIO sends `Bearer <token>` for a token of one word, its successor the value as it is.
    if not any(hmac.compare_digest(given.encode(), right.encode()) for right in (f"Bearer {token}", token)):
        raise Unauthorised("the notification's Authorization header is not `Bearer <RAYTHUMBS_NOTIFICATION_TOKEN>`")


def _name(record: Mapping[str, Any]) -> str:
    return text(record.get("eventName")).removeprefix("s3:")


def _event(record: Mapping[str, Any]) -> Event:
    try:
        bucket = text(record["s3"]["bucket"]["name"])
        told = record["s3"]["object"]
        key = unquote_plus(text(told["key"]), errors="strict")  # form encoding: a space is `+`, a plus is `%2B`
        version_id = storable(told.get("versionId"))
        version = storable(told.get("eTag")) or version_id
        size = told.get("size")
        sequence = _sequence(text(told.get("sequencer")))
    except (KeyError, TypeError, UnicodeDecodeError, AttributeError) as error:
        raise BadRequest(f"a record has no readable s3.bucket.name and s3.object.key: {error!r}") from error
    if not (bucket and key):
        raise BadRequest("a record has no readable s3.bucket.name and s3.object.key")
    known_as, source = _id(record, bucket, key), f"s3://{bucket}/{key}"
    if _name(record) in _MARKED or (_name(record) in _DELETED and version_id is None):
        return RemovalEvent(id=known_as, source=source, sequence=sequence)
    return UploadEvent(id=known_as, source=source, version=version, size_bytes=size_bytes(size), sequence=sequence)


def _sequence(sequencer: str) -> str | None:
    """Return what sorts as the sequencer does, which is a hexadecimal number ("left-pad", says Amazon's user guide)."""
    if not re.fullmatch(rf"[0-9A-Fa-f]{{1,{_SEQUENCER_LETTERS}}}", sequencer):
        return None
    return f"s3:{sequencer.lower():0>{_SEQUENCER_LETTERS}}"


def _id(record: Mapping[str, Any], bucket: str, key: str) -> str:
    """Records have no id. The sequencer tells a key's events apart; without one, the request and the time do."""
    name, sequencer = text(record.get("eventName")), text(record["s3"]["object"].get("sequencer"))
    if sequencer:
        return event_id("s3", bucket, key, name, sequencer)
    answer = record.get("responseElements")
    request = answer if isinstance(answer, dict) else {}
    told = (request.get("x-amz-request-id"), request.get("x-amz-id-2"), record.get("eventTime"))
    return event_id("s3", bucket, key, name, *map(text, told))
