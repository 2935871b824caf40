"""Amazon S3 event records, and those of MinIO and its look-alikes.

Source of the shapes: Amazon S3 User Guide, "Event message structure" (2.x); MinIO's internal/event/event.go.
"""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

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

# Exact names: MinIO files changes of tags and retention under ObjectCreated too. It also writes `s3:` before them.
_CREATED = {f"ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")}


def read(body: bytes, headers: Mapping[str, str], *, token: str | None) -> Notification:
    """Return what the body tells of, or raise BadRequest; Unauthorised if a token is asked for and not given."""
    if token is not None:
        _authorise(headers.get("authorization", ""), token)
    told = parsed(body)
    if told.get("Event") == "s3:TestEvent":
        return Notification(events=(), ignored=1)
    records = listed(told, "Records")
    wanted = [record for record in records if text(record.get("eventName")).removeprefix("s3:") in _CREATED]
    return Notification(events=tuple(_event(record) for record in wanted), ignored=len(records) - len(wanted))


def _authorise(given: str, token: str) -> None:
    # MinIO sends `Bearer <token>` for a token of one word, its successor the value as it is.
    if not any(hmac.compare_digest(given.encode(), right.encode()) for right in (f"Bearer {token}", token)):
        raise Unauthorised("the notification's Authorization header is not `Bearer <RAYTHUMBS_NOTIFICATION_TOKEN>`")


def _event(record: Mapping[str, Any]) -> UploadEvent:
    try:
        bucket = text(record["s3"]["bucket"]["name"])
        told = record["s3"]["object"]
        key = unquote_plus(text(told["key"]), errors="strict")  # form encoding: a space is `+`, a plus is `%2B`
        version = storable(told.get("versionId")) or storable(told.get("eTag"))
        size = told.get("size")
    except (KeyError, TypeError, UnicodeDecodeError, AttributeError) as error:
        raise BadRequest(f"a record has no readable s3.bucket.name and s3.object.key: {error!r}") from error
    if not (bucket and key):
        raise BadRequest("a record has no readable s3.bucket.name and s3.object.key")
    return UploadEvent(
        id=_id(record, bucket, key),
        source=f"s3://{bucket}/{key}",
        version=version,
        size_bytes=size_bytes(size),
    )


def _id(record: Mapping[str, Any], bucket: str, key: str) -> str:
    """Records have no id. The sequencer tells a key's events apart; without one, the request and the time do."""
    name, sequencer = text(record.get("eventName")), text(record["s3"]["object"].get("sequencer"))
    if sequencer:
        return event_id("s3", bucket, key, name, sequencer)
    answer = record.get("responseElements")
    request = answer if isinstance(answer, dict) else {}
    told = (request.get("x-amz-request-id"), request.get("x-amz-id-2"), record.get("eventTime"))
    return event_id("s3", bucket, key, name, *map(text, told))
