"""Quarantine as rows: messages of proven senders that cannot be understood."""

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from raythumbs.db.dialect import ByDialect
from raythumbs.db.rows import as_word, names_of
from raythumbs.db.schema import quarantine
from raythumbs.errors import UnknownMessage
from raythumbs.model.quarantine import BYTES, MESSAGES, Quarantined, QuarantinedMessage

_KEEP = ByDialect(
    sqlite=sqlite.insert(quarantine).on_conflict_do_nothing(),
    postgresql=postgresql.insert(quarantine).on_conflict_do_nothing(),
)
_ABOUT = select(*(quarantine.c[name] for name in names_of(Quarantined)))
_LIST = _ABOUT.order_by(quarantine.c.received_at.desc()).limit(MESSAGES)
_GET = _ABOUT.add_columns(quarantine.c.body).where(quarantine.c.id == bindparam("message_id"))
_DROP = delete(quarantine).where(quarantine.c.id == bindparam("message_id"))
_newest_first = quarantine.c.received_at.desc(), quarantine.c.id
_places = select(
    quarantine.c.id,
    func.row_number().over(order_by=_newest_first).label("place"),
    func.sum(quarantine.c.size_bytes).over(order_by=_newest_first).label("bytes_so_far"),
).subquery()
_is_beyond = (_places.c.place > bindparam("most")) | (_places.c.bytes_so_far > bindparam("most_bytes"))
_DROP_OLDEST = delete(quarantine).where(
    quarantine.c.id.in_(select(_places.c.id).where(_places.c.place > 1, _is_beyond))
)


class Quarantine:
    """The messages in quarantine, over one connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, message: QuarantinedMessage, *, now: float, most: int = MESSAGES, most_bytes: int = BYTES) -> int:
        """Keep a message, unless it is kept already. Drop the oldest messages beyond the bounds, and count them."""
        row = {name: getattr(message.about, name) for name in names_of(Quarantined)}
        self._connection.execute(_KEEP.of(self._connection), row | {"body": message.body, "received_at": now})
        return self._connection.execute(_DROP_OLDEST, {"most": most, "most_bytes": most_bytes}).rowcount

    def list(self) -> list[Quarantined]:
        """Return all messages without their bodies, the newest first."""
        return [as_word(Quarantined, row) for row in self._connection.execute(_LIST)]

    def get(self, message_id: str) -> QuarantinedMessage:
        """Return a message, or raise UnknownMessage."""
        row = self._connection.execute(_GET, {"message_id": message_id}).one_or_none()
        if row is None:
            raise _unknown(message_id)
        return QuarantinedMessage(about=as_word(Quarantined, row), body=row.body)

    def drop(self, message_id: str) -> None:
        """Delete a message, or raise UnknownMessage."""
        if not self._connection.execute(_DROP, {"message_id": message_id}).rowcount:
            raise _unknown(message_id)


def _unknown(message_id: str) -> UnknownMessage:
    return UnknownMessage(f"there is no message {message_id!r} in quarantine")
