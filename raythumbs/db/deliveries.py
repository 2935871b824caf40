"""The deliveries that the outbox keeps, and the endpoints that they go to."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, select, update

from raythumbs.db.dialect import among, for_each, insertion
from raythumbs.db.job_rows import LIMIT, NOW
from raythumbs.db.rows import as_word
from raythumbs.db.schema import deliveries, webhook_endpoints
from raythumbs.model.webhook import Delivery, EndpointState, WebhookEndpoint

_MOST_COUNTED = 1_000_000
_ERROR_LETTERS = 300


def _insert_or_update(insert: Any) -> Any:  # noqa: ANN401 see `insertion`
    new, old = insert.excluded, webhook_endpoints.c
    disabled = case((old.identity == new.identity, old.disabled_at), else_=None)
    return insert.on_conflict_do_update(
        index_elements=[old.id], set_={"url": new.url, "identity": new.identity, "disabled_at": disabled}
    )


CONFIGURE = insertion(_insert_or_update, webhook_endpoints, "id", "url", "identity")
REMOVE_OTHERS = delete(webhook_endpoints).where(webhook_endpoints.c.id.not_in(among("ids")))
_of_endpoint = deliveries.c.endpoint_id == bindparam("of_endpoint")
DUE = (
    select(deliveries.c.id, deliveries.c.event, deliveries.c.body, deliveries.c.attempts, deliveries.c.begun_at)
    .join(webhook_endpoints, webhook_endpoints.c.id == deliveries.c.endpoint_id)
    .where(_of_endpoint, deliveries.c.due_at <= NOW, webhook_endpoints.c.disabled_at.is_(None))
    .order_by(deliveries.c.due_at)
    .limit(LIMIT)
)
_this_one = _of_endpoint, deliveries.c.id == bindparam("delivery_id")
DELIVERED = delete(deliveries).where(*_this_one)
POSTPONED = update(deliveries).where(*_this_one).values(due_at=bindparam("due"), attempts=deliveries.c.attempts + 1)
_endpoint = update(webhook_endpoints).where(webhook_endpoints.c.id == bindparam("of_endpoint"))
SUCCEEDED = _endpoint.values(delivered_at=NOW)
FAILED = _endpoint.values(failed_at=NOW, error=bindparam("why"))
DISABLED = _endpoint.values(disabled_at=NOW, failed_at=NOW, error=bindparam("why"))
ENABLE = update(webhook_endpoints).values(disabled_at=None)
_after = deliveries.c.id > bindparam("after")
NEXT_IDS = select(deliveries.c.id).where(_after).order_by(deliveries.c.id).limit(LIMIT)
RETRY = (
    update(deliveries).where(_after, deliveries.c.id <= bindparam("until")).values(due_at=NOW, attempts=0, begun_at=NOW)
)
ENDPOINTS = select(webhook_endpoints).order_by(webhook_endpoints.c.url)


def _count(*conditions: Any) -> Any:  # noqa: ANN401 SQLAlchemy's
    some = select(deliveries.c.id).where(_of_endpoint, *conditions).limit(_MOST_COUNTED)
    return select(func.count()).select_from(some.subquery())


WAITING = _count(deliveries.c.due_at.is_not(None))
GIVEN_UP = _count(deliveries.c.due_at.is_(None))


class Deliveries:
    """The deliveries, over one connection in a transaction. `now` is the database's time, in UTC seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def configure(self, endpoints: Iterable[WebhookEndpoint]) -> None:
        """Record the endpoints of the settings, and forget others. Enable those that changed.

        The deliveries of others may be very many, so they are left to the janitor.
        """
        rows = [{"id": one.id, "url": one.url, "identity": one.identity} for one in endpoints]
        self._connection.execute(REMOVE_OTHERS, {"ids": [row["id"] for row in rows]})
        if rows:
            for_each(self._connection, CONFIGURE, rows)

    def due(self, endpoint_id: str, *, now: float, limit: int) -> list[Delivery]:
        """Return up to `limit` deliveries that are due, the longest due first; none for a disabled endpoint."""
        given = {"of_endpoint": endpoint_id, "now": now, "most": limit}
        return [as_word(Delivery, row) for row in self._connection.execute(DUE, given)]

    def delivered(self, endpoint_id: str, delivery_id: str, *, now: float) -> None:
        """Forget a delivery that the endpoint has."""
        self._connection.execute(DELIVERED, {"of_endpoint": endpoint_id, "delivery_id": delivery_id})
        self._connection.execute(SUCCEEDED, {"of_endpoint": endpoint_id, "now": now})

    def failed(self, endpoint_id: str, delivery_id: str, *, due_at: float | None, reason: str, now: float) -> None:
        """Record an attempt that failed. Without `due_at` the delivery is given up."""
        self._connection.execute(POSTPONED, {"of_endpoint": endpoint_id, "delivery_id": delivery_id, "due": due_at})
        self._connection.execute(FAILED, {"of_endpoint": endpoint_id, "now": now, "why": _told(reason)})

    def disable(self, endpoint_id: str, *, reason: str, now: float) -> None:
        """Send nothing more to an endpoint, and write nothing more for it."""
        self._connection.execute(DISABLED, {"of_endpoint": endpoint_id, "now": now, "why": _told(reason)})

    def enable(self) -> None:
        """Enable every endpoint."""
        self._connection.execute(ENABLE)

    def retry(self, *, now: float, after: str = "", limit: int = 1000) -> str | None:
        """Make about `limit` deliveries due now with all their attempts: the next ones whose ids are above `after`.

        Return the last of these ids, or None if there was none.
        """
        ids = self._connection.scalars(NEXT_IDS, {"after": after, "most": limit}).all()
        if not ids:
            return None
        self._connection.execute(RETRY, {"after": after, "until": ids[-1], "now": now})
        return str(ids[-1])

    def endpoints(self) -> Sequence[EndpointState]:
        """Return how each endpoint does. At most a million deliveries of each kind are counted."""
        return [
            as_word(EndpointState, row, waiting=self._counted(WAITING, row), given_up=self._counted(GIVEN_UP, row))
            for row in self._connection.execute(ENDPOINTS).all()
        ]

    def _counted(self, statement: Any, row: Any) -> int:  # noqa: ANN401 SQLAlchemy's
        return int(self._connection.execute(statement, {"of_endpoint": row.id}).scalar_one())


def _told(reason: str) -> str:
    """Return a reason as a column can hold it: PostgreSQL refuses a NUL."""
    return reason[:_ERROR_LETTERS].replace("\0", "")
