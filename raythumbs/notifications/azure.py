"""Events of Azure Blob Storage by Event Grid, in its own schema or as CloudEvents.

Sources: Azure Event Grid, "Azure Blob Storage as an Event Grid source", "Endpoint validation with Event Grid event
schema" and "CloudEvents v1.0 schema".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raythumbs.errors import BadRequest, Unauthorised
from raythumbs.notifications.event import (
    MAX_EVENTS,
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
from raythumbs.notifications.token import authorise

CREATED = "Microsoft.Storage.BlobCreated"
DELETED = "Microsoft.Storage.BlobDeleted"
# Of these the blob is complete. CreateFile and SftpCreate make an empty one, whose content comes later.
_COMPLETE = {"PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"}
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_SUBJECT = re.compile(r"/blobServices/default/containers/([^/]+)/blobs/(.+)", re.DOTALL)
_SEQUENCER = re.compile(r"[0-9A-Za-z.]{1,128}")
_CODE_LETTERS = 256


@dataclass(frozen=True, slots=True)
class Validation:
    """Event Grid asks whether it may send its events here. Answering the code says yes."""

    code: str


def read(
    body: bytes, headers: Mapping[str, str], *, given_secret: str, secret: str | None
) -> Notification | Validation:
    """Return what the body says, or raise BadRequest. With a secret, raise Unauthorised if the request lacks it.

    The secret is in the query (`given_secret`), or in the header Authorization. With a secret the sender is proven.
    """
    if secret is None:
        return understood(lambda: _read(body), proven=False)
    _authorise(headers, given_secret, secret)
    return read_genuine(body)


def read_genuine(body: bytes) -> Notification | Validation:
    """Return what the body of a proven sender says. What cannot be understood is a fault of the notification."""
    return understood(lambda: _read(body), proven=True)


def _authorise(headers: Mapping[str, str], given_secret: str, secret: str) -> None:
    try:
        authorise(headers.get("authorization", "") or f"Bearer {given_secret}", secret)
    except Unauthorised as error:
        raise Unauthorised("neither `?secret=` nor the header Authorization has RAYTHUMBS_AZURE_SECRET") from error


def _read(body: bytes) -> Notification | Validation:
    value = json_of(body)
    events = value if isinstance(value, list) else [value]
    if len(events) > MAX_EVENTS:
        raise BadRequest(f"the body has {len(events)} events; at most {MAX_EVENTS} are accepted at once")
    for event in events:
        if isinstance(event, dict) and event.get("eventType") == _VALIDATION:
            return _validation(event)
    return read_each(events, event_of)


def _validation(event: Mapping[str, Any]) -> Validation:
    data = event.get("data")
    code = text(data.get("validationCode")) if isinstance(data, dict) else ""
    if not code or len(code) > _CODE_LETTERS or not code.isprintable():
        raise BadRequest("the validation event has no readable data.validationCode")
    return Validation(code)


def event_of(event: object) -> Event | None:
    """Return an event of either schema as an upload or a removal, or None if it changes no blob's content."""
    if not isinstance(event, dict):
        raise BadRequest("an event is not a JSON object")
    kind = text(event.get("eventType")) or text(event.get("type"))
    if not kind.startswith("Microsoft.Storage."):
        raise BadRequest(f"an event of the type {kind[:100]!a} is not understood: send {CREATED} and {DELETED}")
    return _event(event, kind) if kind in {CREATED, DELETED} else None


def _event(event: Mapping[str, Any], kind: str) -> Event | None:
    place, own_id, data = _SUBJECT.fullmatch(text(event.get("subject"))), text(event.get("id")), event.get("data")
    if place is None or not own_id or not isinstance(data, dict):
        raise BadRequest("an event has no readable id, subject or data")
    sender = text(event.get("topic")) or text(event.get("source"))
    id_, source = event_id("azure", sender, own_id), f"s3://{place[1]}/{place[2]}"
    sequence = _sequence(text(data.get("sequencer")))
    if kind == DELETED:
        return RemovalEvent(id=id_, source=source, sequence=sequence)
    if text(data.get("api")) not in _COMPLETE:
        return None
    version, size = storable(data.get("eTag")), size_bytes(data.get("contentLength"))
    return UploadEvent(id=id_, source=source, version=version, size_bytes=size, sequence=sequence)


def _sequence(sequencer: str) -> str | None:
    """Return the sequencer, which sorts as text ("standard string comparison", says Azure)."""
    return f"azure:{sequencer}" if _SEQUENCER.fullmatch(sequencer) else None
