"""What becomes of a notification: its events become jobs, and what cannot be understood goes into quarantine."""

import re

from fastapi import Request
from pydantic import SecretStr

from raythumbs.errors import Unauthorised
from raythumbs.model.access import Scope
from raythumbs.model.job import Removal
from raythumbs.model.quarantine import QuarantinedMessage
from raythumbs.notifications.changes import Wanted, with_sources
from raythumbs.notifications.event import Notification
from raythumbs.web.bodies import NotifiedBody
from raythumbs.web.dependencies import Dependencies
from raythumbs.web.keys import may

# Of the sender or of the message. Authorization and signatures are left out.
_HEADERS = re.compile(
    r"content-type|user-agent|x-amz-sns-(message-type|message-id|topic-arn|rawdelivery)|webhook-(id|timestamp)"
    r"|aeg-(event-type|subscription-name|delivery-count|data-version|metadata-version)"
    r"|ce-(specversion|id|source|type|subject|time)"
)
_HEADER_LETTERS = 512


def has_key(request: Request) -> bool:
    """Return whether the sender brings an API key that proves it, in the place of its own secret."""
    return may(request, Scope.UPLOAD)


def is_proven(request: Request, deps: Dependencies) -> bool:
    """Return whether the sender has proved itself: by an API key, or as every sender must that comes so far."""
    return has_key(request) or deps.settings.knows_senders


def secret_of(own: SecretStr | None, deps: Dependencies, *, name: str) -> str | None:
    """Return the secret that a sender without an API key must prove to have, or None if all are taken unproven.

    Raises Unauthorised if other senders can prove themselves, but this one has no secret.
    """
    if own is not None:
        return own.get_secret_value()
    if deps.settings.knows_senders:
        raise Unauthorised(f"this service takes only notifications of proven senders: set {name}")
    return None


async def take_in(found: Notification, request: Request, deps: Dependencies) -> NotifiedBody:
    """Record the events of a notification, and keep the request if parts of it cannot be understood.

    A sender that repeats the request, because keeping it failed, makes no second jobs: events have ids.
    """
    found = with_sources(found, proven=is_proven(request, deps))
    wanted = Wanted(
        policy=deps.policy, originals_uri=deps.settings.originals_uri, folder_rule=deps.folder_rule, now=deps.now
    )
    changes = wanted.changes_of(found.events)
    jobs = await deps.queue.enqueue(changes) if changes else []
    removed = sum(isinstance(change, Removal) for change in changes)
    ignored = found.ignored + len(found.events) - len(jobs) - removed
    if found.faults:
        await deps.queue.quarantine(await _message(request, found.faults[0]))
    return NotifiedBody(accepted=len(jobs), removed=removed, ignored=ignored, quarantined=len(found.faults))


async def _message(request: Request, reason: str) -> QuarantinedMessage:
    sender = request.url.path.rpartition("/")[2]
    headers = {name: value[:_HEADER_LETTERS] for name, value in request.headers.items() if _HEADERS.fullmatch(name)}
    return QuarantinedMessage.of(sender, await request.body(), reason=reason, headers=headers)
