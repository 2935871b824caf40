"""Puts messages that cannot be understood into quarantine."""

from raythumbs.db.quarantine import Quarantine
from raythumbs.db.record import Record
from raythumbs.errors import BadRequest
from raythumbs.events import emit_trouble
from raythumbs.model.quarantine import QuarantinedMessage


async def keep(record: Record, message: QuarantinedMessage) -> None:
    """Keep a message for a person. When this returns, the message is on disk."""
    dropped = await record.write(lambda db, now: Quarantine(db).keep(message, now=now))
    about = message.about
    emit_trouble(
        "message.quarantined", BadRequest(about.reason), message_id=about.id, sender=about.sender, dropped=dropped
    )
