"""What becomes of a notification: its events become jobs, and what cannot be understood goes into quarantine."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from fastapi import Request
from pydantic import SecretStr

from raythumbs.errors import BadSource, Unauthorised
from raythumbs.events import emit
from raythumbs.model.ids import new_id
from raythumbs.model.job import Change, Priority, Removal
from raythumbs.model.quarantine import BODY_BYTES, Quarantined, QuarantinedMessage
from raythumbs.model.source import Source, is_folder_marker
from raythumbs.notifications.event import Event, Notification, RemovalEvent, UploadEvent
from raythumbs.settings import Settings
from raythumbs.web.bodies import NotifiedBody
from raythumbs.web.dependencies import Dependencies
from raythumbs.web.job_requests import job_request

# Of the sender or of the message. Authorization and signatures are left out.
_HEADERS = re.compile(
    r"content-type|user-agent|x-amz-sns-(message-type|message-id|topic-arn|rawdelivery)|webhook-(id|timestamp)"
    r"|aeg-(event-type|subscription-name|delivery-count|data-version|metadata-version)"
    r"|ce-(specversion|id|source|type|subject|time)"
)
_HEADER_LETTERS = 512
_REASON_LETTERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message as it came: who sent it (the last part of the route's address), and what."""

    sender: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    async def of(cls, request: Request) -> Self:
        """Return what a request brought."""
        sender = request.url.path.rpartition("/")[2]
        return cls(sender=sender, headers=request.headers, body=await request.body())


def secret_of(own: SecretStr | None, settings: Settings, *, name: str) -> str | None:
    """Return a sender's secret, or None if notifications are taken from everybody.

    Raises Unauthorised if other senders can prove themselves, but this one has no secret.
    """
    if own is not None:
        return own.get_secret_value()
    if settings.knows_senders:
        raise Unauthorised(f"this service takes only notifications of proven senders: set {name}")
    return None


async def take_in(found: Notification, arrived: Arrived, deps: Dependencies) -> NotifiedBody:
    """Record the events of a notification, and keep the message if parts of it cannot be understood.

    A sender that repeats the message, because keeping it failed, makes no second jobs: events have ids.
    """
    found = _with_sources(found, proven=deps.settings.knows_senders)
    wanted = [event for event in found.events if _wanted(event, deps)]
    jobs = await deps.queue.enqueue([_of_event(deps, event) for event in wanted]) if wanted else []
    removed = sum(isinstance(event, RemovalEvent) for event in wanted)
    ignored = found.ignored + len(found.events) - len(jobs) - removed
    if found.faults:
        await deps.queue.quarantine(_for_quarantine(arrived, found.faults[0]))
    return NotifiedBody(accepted=len(jobs), removed=removed, ignored=ignored, quarantined=len(found.faults))


def _with_sources(found: Notification, *, proven: bool) -> Notification:
    """Return the notification without events whose source is none. They are ignored, or faults of a proven sender."""
    events, faults = [], []
    for event in found.events:
        try:
            Source.parse(event.source)
        except BadSource as error:  # not a refusal, because sending it again would not help
            emit("event.unreadable", source=ascii(event.source)[:2000], reason=error.reason)
            faults.append(error.reason)
        else:
            events.append(event)
    if proven:
        return replace(found, events=tuple(events), faults=(*found.faults, *faults))
    return replace(found, events=tuple(events), ignored=found.ignored + len(faults))


def _for_quarantine(arrived: Arrived, reason: str) -> QuarantinedMessage:
    matter = ((name, value) for name, value in arrived.headers.items() if _HEADERS.fullmatch(name))
    about = Quarantined(
        # made of the message, so that a repeated one is kept once
        id=hashlib.sha256(arrived.sender.encode() + b"\0" + arrived.body).hexdigest()[:32],
        sender=arrived.sender,
        reason=reason.encode("ascii", "backslashreplace").decode().replace("\0", "\\0")[:_REASON_LETTERS],
        headers={name: value[:_HEADER_LETTERS] for name, value in matter},
        size_bytes=len(arrived.body),
    )
    return QuarantinedMessage(about=about, body=arrived.body[:BODY_BYTES])


def _wanted(event: Event, deps: Dependencies) -> bool:
    source = Source.parse(event.source)
    if isinstance(event, UploadEvent) and is_folder_marker(source.key, event.size_bytes):
        return False
    # An upload has its job already; the bucket's word of it would come between, as of a newer version.
    is_upload = isinstance(event, UploadEvent) and event.source.startswith(deps.settings.originals_uri)
    if is_upload or not deps.policy.allows(source):
        emit("event.unwanted", source=event.source, output=deps.policy.is_output(source))
        return False
    return True


def _of_event(deps: Dependencies, event: Event) -> Change:
    if isinstance(event, RemovalEvent):
        photo_id = new_id(now=deps.now())
        return Removal(photo_id=photo_id, source=event.source, event_id=event.id, sequence=event.sequence)
    request = job_request(deps, event.source, Priority.NORMAL)
    request = replace(request, version=event.version, size_bytes=event.size_bytes)
    return replace(request, event_id=event.id, sequence=event.sequence)
