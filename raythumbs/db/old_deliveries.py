"""The deliveries that are too old or too many, by endpoint. Each verb takes up to `limit` rows and counts them."""

from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, delete, func, select, update

from raythumbs.db.job_rows import LIMIT
from raythumbs.db.schema import deliveries, webhook_endpoints

_of_endpoint = deliveries.c.endpoint_id == bindparam("of_endpoint")
_is_old = deliveries.c.begun_at < bindparam("before")
_ids = select(deliveries.c.id).where(_of_endpoint).limit(LIMIT)
_newest_first = _ids.order_by(deliveries.c.begun_at.desc())
NEXT_ENDPOINT = select(func.min(deliveries.c.endpoint_id)).where(deliveries.c.endpoint_id > bindparam("after"))
CONFIGURED = select(webhook_endpoints.c.id, webhook_endpoints.c.url)


def _deletion(ids: Select[Any]) -> Any:  # noqa: ANN401 SQLAlchemy's
    return delete(deliveries).where(_of_endpoint, deliveries.c.id.in_(ids))


FORGET_ALL = _deletion(_ids)
FORGET_OLD = _deletion(_ids.where(_is_old))
FORGET_SURPLUS = _deletion(_newest_first.offset(bindparam("kept")))
GIVE_UP: Update = (
    update(deliveries)
    .where(_of_endpoint, deliveries.c.id.in_(_ids.where(_is_old, deliveries.c.due_at.is_not(None))))
    .values(due_at=None)
)


class OldDeliveries:
    """The deliveries to one endpoint, over one connection in a transaction."""

    def __init__(self, connection: Connection, endpoint_id: str) -> None:
        self._connection = connection
        self._endpoint_id = endpoint_id

    def forget_all(self, *, limit: int) -> int:
        """Delete deliveries of any age."""
        return self._execute(FORGET_ALL, most=limit)

    def forget(self, *, before: float, limit: int) -> int:
        """Delete deliveries that began before then."""
        return self._execute(FORGET_OLD, before=before, most=limit)

    def forget_surplus(self, *, kept: int, limit: int) -> int:
        """Delete deliveries beyond the newest, of which this many are kept."""
        return self._execute(FORGET_SURPLUS, kept=kept, most=limit)

    def give_up(self, *, before: float, limit: int) -> int:
        """Give up deliveries that began before then."""
        return self._execute(GIVE_UP, before=before, most=limit)

    def _execute(self, statement: Any, **given: object) -> int:  # noqa: ANN401 SQLAlchemy's
        return self._connection.execute(statement, {"of_endpoint": self._endpoint_id} | given).rowcount


def recipients(connection: Connection) -> list[tuple[str, str | None]]:
    """Return the id of each endpoint that has deliveries, with its address; None if it is in the settings no more.

    Each step reads one row of an index, however many deliveries an endpoint has.
    """
    urls = {row.id: row.url for row in connection.execute(CONFIGURED)}
    found: list[tuple[str, str | None]] = []
    after = ""
    while after := connection.scalar(NEXT_ENDPOINT, {"after": after}) or "":
        found.append((after, urls.get(after)))
    return found
