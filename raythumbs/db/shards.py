"""How many shards the jobs are divided into, and the dividing anew when a deploy wants more or fewer."""

from sqlalchemy import Connection, bindparam, select, update

from raythumbs.db.schema import jobs, photos, sharding
from raythumbs.model.job import INCOMPLETE, State
from raythumbs.model.shard import shard_of

_ROWS = 1000
_LEASABLE = (*sorted(INCOMPLETE), State.FAILED)  # which a person may retry
_OF_STATE = (
    select(jobs.c.id, photos.c.source)
    .join(photos)
    .where(jobs.c.state == bindparam("state"), jobs.c.id > bindparam("after"))
    .order_by(jobs.c.id)
    .limit(_ROWS)
)
# Without a turn, as what comes back: it gets one in its shard's line, in the order in which it was due.
_MOVE = update(jobs).where(jobs.c.id == bindparam("moved_id")).values(shard=bindparam("to_shard"), turn=None)


class Shards:
    """The dividing, over one connection in a transaction; while it goes on, no queue may be at work."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self) -> int:
        """Return how many there are."""
        return int(self._connection.execute(select(sharding.c.shards)).scalar_one())

    def divide(self, shards: int) -> None:
        """Divide what may be leased some day into so many."""
        if self.count() == shards:
            return
        for state in _LEASABLE:
            after = ""
            while rows := self._connection.execute(_OF_STATE, {"state": state, "after": after}).all():
                moves = [{"moved_id": row.id, "to_shard": shard_of(row.source, shards)} for row in rows]
                self._connection.execute(_MOVE, moves)
                after = rows[-1].id
        self._connection.execute(update(sharding).values(shards=shards))
