"""Whether the queue is paused: one row, which all shards read before they lease."""

from sqlalchemy import Connection, bindparam, select, update

from raythumbs.db.job_rows import NOW
from raythumbs.db.schema import queue_state
from raythumbs.model.queue_state import REASON_LETTERS, QueueState

_GET = select(queue_state.c.paused_at, queue_state.c.reason)
_PAUSE = update(queue_state).where(queue_state.c.paused_at.is_(None)).values(paused_at=NOW, reason=bindparam("why"))
_CHANGE_REASON = update(queue_state).values(reason=bindparam("why"))
_RESUME = update(queue_state).where(queue_state.c.paused_at.is_not(None)).values(paused_at=None, reason=None)


class QueueStates:
    """The queue's state, over one connection in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> QueueState:
        """Return the state as the row has it: what is at work is not in the database."""
        row = self._connection.execute(_GET).one()
        return QueueState(since=row.paused_at, reason=row.reason)

    def pause(self, reason: str | None, *, now: float) -> bool:
        """Pause the queue. Return whether it worked until now. Pausing it again changes only the reason, if given."""
        why = {"why": reason[:REASON_LETTERS].replace("\0", "") if reason else None}
        changed = bool(self._connection.execute(_PAUSE, {"now": now} | why).rowcount)
        if reason and not changed:
            self._connection.execute(_CHANGE_REASON, why)
        return changed

    def resume(self) -> bool:
        """Let the queue work again. Return whether it was paused until now."""
        return bool(self._connection.execute(_RESUME).rowcount)
