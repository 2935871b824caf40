"""Quarantine: list, show and drop the messages that cannot be understood."""

from fastapi import APIRouter

from raythumbs.web.bodies import Id
from raythumbs.web.dependencies import Deps
from raythumbs.web.quarantine_bodies import QuarantineBody, QuarantinedMessageBody

router = APIRouter(tags=["quarantine"])


@router.get("/api/quarantine")
async def messages(deps: Deps) -> QuarantineBody:
    """List the messages in quarantine, the newest first."""
    return QuarantineBody.of(await deps.queue.quarantined())


@router.get("/api/quarantine/{message_id}")
async def message(message_id: Id, deps: Deps) -> QuarantinedMessageBody:
    """Return a message in quarantine, with its body."""
    return QuarantinedMessageBody.of(await deps.queue.quarantined_message(message_id))


@router.delete("/api/quarantine/{message_id}")
async def drop(message_id: Id, deps: Deps) -> dict[str, str]:
    """Delete a message from quarantine."""
    await deps.queue.drop_quarantined(message_id)
    return {"dropped": message_id}
