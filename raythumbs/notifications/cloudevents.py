"""CloudEvents 1.0 over HTTP: structured, batched and binary.

Sources: CloudEvents 1.0.2 specification; "HTTP Protocol Binding for CloudEvents", sections 3.1 to 3.3; "JSON Event
Format"; the adapter "AWS Simple Storage Service".
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from raythumbs.errors import BadRequest, NotJson
from raythumbs.notifications import azure, gcs
from raythumbs.notifications.envelopes import opened
from raythumbs.notifications.event import Event, Notification, json_of, parsed, read_each, understood
from raythumbs.notifications.s3 import event_of_message
from raythumbs.notifications.token import authorise

_FORMATS = "application/cloudevents"
_STRUCTURED, _BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"
_JSON = re.compile(r"|application/json|text/json|[a-z0-9.+/-]+\+json")
_VERSION = "1.0"
_MOST_LETTERS = 4096  # of an attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """An event: the attributes that it must have, its subject (perhaps empty), and its data."""

    id: str
    source: str
    type: str
    subject: str
    data: object


def read(body: bytes, headers: Mapping[str, str], *, token: str | None) -> Notification:
    """Return the notification in a request, or raise BadRequest. With a token, raise Unauthorised if it is missing.

    With a token the sender is proven. Raises NotJson for events in another format than JSON.
    """
    if token is not None:
        authorise(headers.get("authorization", ""), token)
        return read_genuine(body, headers)
    refuse_other_formats(headers)
    return understood(lambda: _read(body, headers), proven=False)


def read_genuine(body: bytes, headers: Mapping[str, str]) -> Notification:
    """Return the notification of a proven sender. What cannot be understood is a fault of the notification.

    Raises NotJson for events in another format than JSON.
    """
    refuse_other_formats(headers)
    return understood(lambda: _read(body, headers), proven=True)


def refuse_other_formats(headers: Mapping[str, str]) -> None:
    """Raise NotJson if the content type is a format of events that is not JSON."""
    kind = _content_type(headers)
    if kind.startswith(_FORMATS) and kind not in {_STRUCTURED, _BATCHED}:
        raise NotJson(f"events as {kind[:60]!a} are not read: send {_STRUCTURED}")


def events_of(body: bytes, headers: Mapping[str, str]) -> list[CloudEvent | BadRequest]:
    """Return the events of a request. In place of one in a batch that is none, return the reason.

    Raises BadRequest if there is no event at all.
    """
    kind = _content_type(headers)
    if kind == _BATCHED:
        batch = json_of(body)
        if not isinstance(batch, list):
            raise BadRequest("the batch is not a JSON list")
        return [_event_or_reason(one) for one in batch]
    return [_structured(parsed(body)) if kind == _STRUCTURED else _binary(body, headers, kind)]


def _content_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _event_or_reason(value: object) -> CloudEvent | BadRequest:
    try:
        return _structured(value)
    except BadRequest as error:
        return error


def _structured(value: object) -> CloudEvent:
    if not isinstance(value, dict):
        raise BadRequest("an event is not a JSON object")
    if "data" in value and "data_base64" in value:
        raise BadRequest("an event has both data and data_base64")
    data = value.get("data")
    if "data_base64" in value:
        data = _from_base64(value["data_base64"])
    return _event(value, data)


def _from_base64(encoded: object) -> object:
    try:
        return json_of(b64decode(str(encoded), validate=True), "data_base64")
    except ValueError as error:
        raise BadRequest("data_base64 is not base64") from error


def _binary(body: bytes, headers: Mapping[str, str], kind: str) -> CloudEvent:
    names = ("specversion", "id", "source", "type", "subject")
    attributes = {name: _header(headers[f"ce-{name}"]) for name in names if f"ce-{name}" in headers}
    if not attributes:
        raise BadRequest("the request is no CloudEvent: it has neither ce- headers nor the content type of an event")
    if not _JSON.fullmatch(kind):
        raise BadRequest(f"the event's data is {kind[:60]!a}, and must be JSON")
    return _event(attributes, json_of(body, "data"))


def _header(value: str) -> str:
    """Return an attribute from its header: without quotes, then decoded once (HTTP binding, section 3.1.3.2)."""
    value = value.strip(" \t")
    if value[:1] == '"' and value[-1:] == '"' and len(value) > 1:
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError as error:
        raise BadRequest("a ce- header is not UTF-8") from error


def _event(attributes: Mapping[str, Any], data: object) -> CloudEvent:
    if attributes.get("specversion") != _VERSION:
        raise BadRequest(f"an event's specversion is not {_VERSION}")
    names = ("id", "source", "type")
    if not all(_is_attribute(attributes.get(name)) for name in names):
        raise BadRequest("an event has no readable id, source and type")
    subject = attributes.get("subject", "")
    if subject and not _is_attribute(subject):
        raise BadRequest("an event's subject is not readable")
    return CloudEvent(**{name: attributes[name] for name in names}, subject=subject or "", data=data)


def _is_attribute(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_LETTERS


# --- what the events report

_Step = Callable[[], Event | None]


def _read(body: bytes, headers: Mapping[str, str]) -> Notification:
    return read_each(_steps(body, headers), lambda step: step())


def _steps(body: bytes, headers: Mapping[str, str]) -> Iterator[_Step]:
    """Yield what reads each event of a bucket. Reading one may raise BadRequest."""
    for event in events_of(body, headers):
        if isinstance(event, BadRequest):
            yield partial(_refuse, event)
        elif event.type in gcs.TYPES:
            yield partial(gcs.event_of, event.data, kind=gcs.TYPES[event.type])
        elif event.type.startswith("Microsoft.Storage."):
            yield partial(azure.event_of, asdict(event))
        else:  # an event of S3 or of EventBridge, whatever the type is called
            yield from (partial(event_of_message, message) for message in opened(event.data))


def _refuse(reason: BadRequest) -> NoReturn:
    raise reason
