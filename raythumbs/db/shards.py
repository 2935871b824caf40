"""The number of shards, and the division of the jobs among them when a deploy changes that number."""

from sqlalchemy import Connection, bindparam, select, update

from raythumbs.db.schema import jobs, photos, sharding
from raythumbs.model.job import INCOMPLETE, State
from raythumbs.model.shard import shard_of

_ROWS = 1000
_LEASABLE = (*sorted(INCOMPLETE), State.FAILED)  # a person may retry a failed job
_OF_STATE = (
    select(jobs.c.id, photos.c.source)
    .join(photos)
    .where(jobs.c.state == bindparam("state"), jobs.c.id > bindparam("after"))
    .order_by(jobs.c.id)
    .limit(_ROWS)
)
# Without a turn, like a job that returns to the queue. It gets a turn in its new shard, in the order of due times.
_MOVE = update(jobs).where(jobs.c.id == bindparam("moved_id")).values(shard=bindparam("to_shard"), turn=None)


class Shards:
    """The division into shards, over one connection in a transaction. No queue may work while it changes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self) -> int:
        """Return the number of shards."""
        return int(self._connection.execute(select(sharding.c.shards)).scalar_one())

    def divide(self, shards: int) -> None:
        """Divide all jobs that are unfinished, or may be retried, into this number of shards."""
        if self.count() == shards:
            return
        for state in _LEASABLE:
            after = ""
            while rows := self._connection.execute(_OF_STATE, {"state": state, "after": after}).all():
                moves = [{"moved_id": row.id, "to_shard": shard_of(row.source, shards)} for row in rows]
                self._connection.execute(_MOVE, moves)
                after = rows[-1].id
        self._connection.execute(update(sharding).values(shards=shards))
