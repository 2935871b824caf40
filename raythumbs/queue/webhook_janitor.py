"""Keeps the outbox of webhooks small: gives up messages that are old, and drops those that are too many."""

from functools import partial

from raythumbs.db.database import Connection
from raythumbs.db.old_deliveries import OldDeliveries, recipients
from raythumbs.db.record import Record, Write
from raythumbs.events import emit_warning
from raythumbs.model.webhook import LONGEST_SECONDS, shown

_MOST_AN_ENDPOINT = 100_000


class WebhookJanitor:
    """Sees to the deliveries of each endpoint in turn, in small commits, so that other writes come in between."""

    def __init__(
        self, record: Record, *, keep_seconds: float, rows_a_write: int, most_an_endpoint: int = _MOST_AN_ENDPOINT
    ) -> None:
        self._record = record
        self._keep_seconds = keep_seconds
        self._rows_a_write = rows_a_write
        self._most = most_an_endpoint

    async def run_once(self) -> None:
        """Delete or give up what is old or too much."""
        for endpoint_id, url in await self._record.read(recipients):
            if url is None:
                await self._repeat(partial(self._forget_all, endpoint_id))
            else:
                await self._see_to(endpoint_id, url)

    async def _see_to(self, endpoint_id: str, url: str) -> None:
        await self._repeat(partial(self._forget, endpoint_id))
        if dropped := await self._repeat(partial(self._drop, endpoint_id)):
            emit_warning("webhooks.dropped", endpoint=shown(url), messages=dropped, kept=self._most)
        if given_up := await self._repeat(partial(self._give_up, endpoint_id)):
            emit_warning("webhooks.given_up", endpoint=shown(url), messages=given_up)

    async def _repeat(self, write: Write[int]) -> int:
        """Repeat a write while it finds as many rows as it may take. Return the number of rows."""
        total = 0
        while (rows := await self._record.write(write)) >= self._rows_a_write:
            total += rows
        return total + rows

    def _forget_all(self, endpoint_id: str, db: Connection, _now: float) -> int:
        return OldDeliveries(db, endpoint_id).forget_all(limit=self._rows_a_write)

    def _forget(self, endpoint_id: str, db: Connection, now: float) -> int:
        return OldDeliveries(db, endpoint_id).forget(before=now - self._keep_seconds, limit=self._rows_a_write)

    def _drop(self, endpoint_id: str, db: Connection, _now: float) -> int:
        return OldDeliveries(db, endpoint_id).forget_surplus(kept=self._most, limit=self._rows_a_write)

    def _give_up(self, endpoint_id: str, db: Connection, now: float) -> int:
        return OldDeliveries(db, endpoint_id).give_up(before=now - LONGEST_SECONDS, limit=self._rows_a_write)
