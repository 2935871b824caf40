"""Event notifications of Cloudflare R2, as a Worker or a pull consumer forwards them from their queue.

Sources: Cloudflare R2, "Event notifications"; Cloudflare Queues, "Pull consumers". R2's events have no signature: the
forwarder signs them after Standard Webhooks.
"""

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from raythumbs.errors import BadRequest
from raythumbs.notifications import standard_webhooks
from raythumbs.notifications.event import (
    Event,
    Notification,
    RemovalEvent,
    UploadEvent,
    event_id,
    json_of,
    listed,
    read_each,
    size_bytes,
    storable,
    text,
    understood,
)

CREATED = {"PutObject", "CopyObject", "CompleteMultipartUpload"}
DELETED = {"DeleteObject", "LifecycleDeletion"}


def read(body: bytes, headers: Mapping[str, str], *, secret: str | None, now: float) -> Notification:
    """Return the notification in the body, or raise BadRequest. With a secret, raise Unauthorised if it is not signed.

    With a secret the sender is proven.
    """
    if secret is None:
        return understood(lambda: _read(body), proven=False)
    standard_webhooks.verify(body, headers, secret=secret, now=now)
    return read_genuine(body)


def read_genuine(body: bytes) -> Notification:
    """Return the notification of a proven sender. What cannot be understood is a fault of the notification."""
    return understood(lambda: _read(body), proven=True)


def _read(body: bytes) -> Notification:
    return read_each(_messages(_json(body)), _event_of)


def _json(value: object) -> Any:  # noqa: ANN401 JSON may be anything
    """Return the JSON of a body, or of a message: plain, as text, or as base64 of text."""
    if isinstance(value, str):
        value = value.encode(errors="replace")
    if not isinstance(value, bytes):
        return value
    if value.lstrip()[:1] in {b"{", b"["}:
        return json_of(value)
    try:
        return json_of(b64decode(value.strip(b' \t\r\n"'), validate=True))
    except ValueError as error:
        raise BadRequest("a message is neither JSON nor base64 of JSON") from error


def _messages(value: object) -> list[Any]:
    """Return the messages of a body: one, a list, or what the API of pull consumers answers."""
    if isinstance(value, dict) and isinstance(value.get("result"), dict):
        value = value["result"]
    if isinstance(value, dict) and "messages" in value:
        return [message.get("body") for message in listed(value, "messages")]
    return value if isinstance(value, list) else [value]


def _event_of(message: object) -> Event | None:
    event = _json(message)
    about = event.get("object") if isinstance(event, dict) else None
    if not isinstance(about, dict):
        raise BadRequest("a message is no event of Cloudflare R2: it has no `object`")
    action, bucket, key = text(event.get("action")), text(event.get("bucket")), text(about.get("key"))
    if not (action and bucket and key):
        raise BadRequest("an event has no readable action, bucket or object.key")
    if action not in CREATED | DELETED:
        return None
    time, etag, source = text(event.get("eventTime")), storable(about.get("eTag")), f"s3://{bucket}/{key}"
    id_ = event_id("r2", text(event.get("account")), bucket, key, action, time, etag or "")
    if action in DELETED:
        return RemovalEvent(id=id_, source=source, sequence=_sequence(time))
    size = size_bytes(about.get("size"))
    return UploadEvent(id=id_, source=source, version=etag, size_bytes=size, sequence=_sequence(time))


def _sequence(time: str) -> str | None:
    """Return what sorts as the time does, to the millisecond."""
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        return None
    if at.tzinfo is None or at.year < 2000:  # noqa: PLR2004 no time of an event
        return None
    return f"r2:{round(at.timestamp() * 1000):020d}"
