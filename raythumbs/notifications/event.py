"""Notifications in a form that is the same for every sender, and helpers to read their fields."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from raythumbs.errors import BadRequest, BadSource
from raythumbs.model.source import refuse_unstorable

MAX_EVENTS = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadEvent:
    """An object was created or overwritten, or must be checked again. `id` is the same in each repetition of the event;
    `sequence` sorts the events of one object (see `model.job.is_older`).

    `source` is what the sender says, and is not checked. A notification is a hint; the bucket is the truth.
    """

    id: str
    source: str
    version: str | None
    size_bytes: int | None
    sequence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalEvent:
    """An object was deleted, and no older version shows up."""

    id: str
    source: str
    sequence: str | None


Event = UploadEvent | RemovalEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The events of a body, and how many others were ignored (changes of tags, tests, ...).

    `faults` says why parts of the body cannot be understood. Only a body whose sender is proven may have faults.
    """

    events: tuple[Event, ...]
    ignored: int
    faults: tuple[str, ...] = ()


def read_each(messages: Iterable[T], read_one: Callable[[T], Event | None]) -> Notification:
    """Return the notification that several messages are. A message that raises BadRequest becomes a fault.

    Raises BadRequest if there are too many messages.
    """
    events: list[Event] = []
    faults: list[str] = []
    ignored = 0
    for number, message in enumerate(messages, start=1):
        if number > MAX_EVENTS:
            raise BadRequest(f"the body has more than {MAX_EVENTS} events; at most so many are taken at once")
        try:
            event = read_one(message)
        except BadRequest as error:
            faults.append(error.reason)
        else:
            ignored += event is None
            events += [event] if event else []
    return Notification(events=tuple(events), ignored=ignored, faults=tuple(faults))


def understood(read: Callable[[], T], *, proven: bool) -> T | Notification:
    """Return what `read` returns. What it cannot understand is a fault if the sender is proven, else BadRequest.

    A proven sender would send the same body again, or give up; so the caller keeps the body for a person.
    """
    try:
        found = read()
    except BadRequest as error:
        if not proven:
            raise
        return Notification(events=(), ignored=0, faults=(error.reason,))
    if isinstance(found, Notification) and found.faults and not proven:
        raise BadRequest(found.faults[0])
    return found


def json_of(body: bytes | str, name: str = "body") -> Any:  # noqa: ANN401 JSON may be anything
    """Return the JSON that a body is, or a part of one, or raise BadRequest."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the {name} is not JSON: {error}") from error


def json_in(value: object, name: str) -> Any:  # noqa: ANN401 as above
    """Return the JSON that is text within JSON, or that was parsed on its way here already."""
    return json_of(value, name) if isinstance(value, str) else value


def parsed(body: bytes) -> dict[str, Any]:
    """Return the body's JSON object, or raise BadRequest."""
    value = json_of(body)
    if not isinstance(value, dict):
        raise BadRequest("the body is not a JSON object")
    return value


def listed(fields: dict[str, Any], name: str) -> Sequence[dict[str, Any]]:
    """Return the list of objects under a name, or raise BadRequest."""
    events = fields.get(name)
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise BadRequest(f"the body has no list of objects named {name!r}")
    if len(events) > MAX_EVENTS:
        raise BadRequest(f"the body has {len(events)} events; at most {MAX_EVENTS} are accepted at once")
    return events


def text(value: object) -> str:
    """Return the value if it is text, else an empty text."""
    return value if isinstance(value, str) else ""


def storable(value: object) -> str | None:
    """Return the value if it is text that a column can hold, else None. Fetching the object will find it out again."""
    try:
        refuse_unstorable(text(value))
    except BadSource:
        return None
    return text(value) or None


def size_bytes(value: object) -> int | None:
    """Return the value if it is a number of bytes that a column can hold, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62 else None


def event_id(sender: str, *words: str) -> str:
    """Return an id made of the texts that identify an event. It has a fixed length, so that any column can hold it."""
    return f"{sender}:{hashlib.sha256(repr(words).encode()).hexdigest()}"
