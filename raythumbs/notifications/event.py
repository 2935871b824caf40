"""What every sender's notification comes down to."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from raythumbs.errors import BadRequest, BadSource
from raythumbs.model.source import refuse_unstorable

MAX_EVENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadEvent:
    """An object was created or overwritten, or is to be looked at again. `id` is the same each time the sender repeats
    the event; `sequence` sorts the events of one object (see `model.job.is_older`).

    `source` is not checked: it is what the sender says. A notification is a hint; the bucket is the truth.
    """

    id: str
    source: str
    version: str | None
    size_bytes: int | None
    sequence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalEvent:
    """An object is no longer there, not in any version that is shown."""

    id: str
    source: str
    sequence: str | None


Event = UploadEvent | RemovalEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a body tells of, and how many of its events are of no interest here (changes of tags, tests, ...)."""

    events: tuple[Event, ...]
    ignored: int


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
    told = json_of(body)
    if not isinstance(told, dict):
        raise BadRequest("the body is not a JSON object")
    return told


def listed(told: dict[str, Any], name: str) -> Sequence[dict[str, Any]]:
    """Return the list of objects under a name, or raise BadRequest."""
    events = told.get(name)
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise BadRequest(f"the body has no list of objects named {name!r}")
    if len(events) > MAX_EVENTS:
        raise BadRequest(f"the body has {len(events)} events; at most {MAX_EVENTS} are taken at once")
    return events


def text(told: object) -> str:
    """Return what is told if it is text, else nothing."""
    return told if isinstance(told, str) else ""


def storable(told: object) -> str | None:
    """Return text that a column can hold, else None: the object itself will tell it when it is fetched."""
    try:
        refuse_unstorable(text(told))
    except BadSource:
        return None
    return text(told) or None


def size_bytes(told: object) -> int | None:
    """Return a number of bytes that a column can hold, else None."""
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < 1 << 62 else None


def event_id(sender: str, *words: str) -> str:
    """Return an id of one length from what tells an event from others: any column can hold it, whatever was sent."""
    return f"{sender}:{hashlib.sha256(repr(words).encode()).hexdigest()}"
