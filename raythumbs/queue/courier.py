"""The courier: delivers the webhooks of one endpoint. Each endpoint has its own, so that a slow one delays no other."""

import asyncio
import random
import time
from collections.abc import Callable

from raythumbs.db.database import Connection
from raythumbs.db.deliveries import Deliveries
from raythumbs.db.record import Record
from raythumbs.errors import RaythumbsError
from raythumbs.events import emit, emit_trouble
from raythumbs.model.figures import Sending
from raythumbs.model.webhook import LONGEST_SECONDS, Delivery, WebhookEndpoint, wait_seconds
from raythumbs.queue.tally import Tally
from raythumbs.webhooks.sending import Delivered, Gone, NotDelivered, Sender
from raythumbs.webhooks.signing import signed_headers

_A_ROUND = 64
_AT_ONCE = 8
_DOWN_SECONDS = 5.0  # until an endpoint that takes nothing is asked again
_LONGEST_DOWN_SECONDS = 3600.0


class Undelivered(RaythumbsError):
    """A webhook that its endpoint did not take."""

    code = "undelivered"


class Courier:
    """Delivers what is due, in each iteration. A message may arrive twice, with the same id.

    `now_of` reads the database's time, `clock` gives UTC seconds, `chance` a random number from 0 to 1.
    """

    def __init__(  # noqa: PLR0913 what a courier works with
        self,
        record: Record,
        endpoint: WebhookEndpoint,
        sender: Sender,
        *,
        secrets: tuple[str, ...],
        now_of: Callable[[Connection], float],
        tally: Tally,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._record = record
        self._endpoint = endpoint
        self._sender = sender
        self._secrets = secrets
        self._now_of = now_of
        self._tally = tally
        self._clock = clock
        self._chance = chance
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._down_until = 0.0

    async def run_once(self) -> None:
        """Deliver what is due, until nothing is, or the endpoint takes nothing."""
        while not self._is_down():
            due = await self._record.read(self._due)
            if not any(await asyncio.gather(*map(self._deliver, due))):
                return

    async def close(self) -> None:
        """Close the connections."""
        await self._sender.close()

    def _due(self, db: Connection) -> list[Delivery]:
        return Deliveries(db).due(self._endpoint.id, now=self._now_of(db), limit=_A_ROUND)

    def _is_down(self) -> bool:
        return self._clock() < self._down_until

    async def _deliver(self, delivery: Delivery) -> bool:
        """Make one attempt and record what came of it. Return whether the endpoint has the message."""
        async with self._at_once:
            if self._is_down():  # another attempt has just found that out: this one would count for nothing
                return False
            now = self._clock()
            headers = signed_headers(delivery.id, delivery.body, secrets=self._secrets, now=now)
            answer = await self._sender.send(delivery.body.encode(), headers, now=now)
            if isinstance(answer, NotDelivered) and answer.is_down:
                rest = min(_LONGEST_DOWN_SECONDS, max(_DOWN_SECONDS, answer.retry_after_seconds))
                self._down_until = self._clock() + rest
        match answer:
            case Delivered():
                await self._delivered(delivery)
            case Gone():
                await self._disable()
            case NotDelivered():
                await self._failed(delivery, answer)
        return isinstance(answer, Delivered)

    async def _delivered(self, delivery: Delivery) -> None:
        endpoint = self._endpoint
        await self._record.insist(lambda db, now: Deliveries(db).delivered(endpoint.id, delivery.id, now=now))
        self._tally.sent(Sending.DELIVERED)
        emit("webhook.delivered", endpoint=endpoint.shown, kind=delivery.event, id=delivery.id)

    async def _failed(self, delivery: Delivery, answer: NotDelivered) -> None:
        due_at = await self._record.insist(lambda db, now: self._postpone(db, delivery, answer, now=now))
        self._tally.sent(Sending.GIVEN_UP if due_at is None else Sending.FAILED)
        event = "webhook.given_up" if due_at is None else "webhook.failed"
        emit_trouble(event, Undelivered(answer.reason), endpoint=self._endpoint.shown, kind=delivery.event)

    def _postpone(self, db: Connection, delivery: Delivery, answer: NotDelivered, *, now: float) -> float | None:
        """Record a failed attempt. Return when the next one is due, or None if the message is given up."""
        wait = wait_seconds(delivery.attempts + 1, chance=self._chance(), asked_seconds=answer.retry_after_seconds)
        due_at = None if wait is None or now + wait > delivery.begun_at + LONGEST_SECONDS else now + wait
        Deliveries(db).failed(self._endpoint.id, delivery.id, due_at=due_at, reason=answer.reason, now=now)
        return due_at

    async def _disable(self) -> None:
        self._tally.sent(Sending.GIVEN_UP)
        reason = "the endpoint answered 410: it wants no more webhooks, until `raythumbs webhooks --retry`"
        await self._record.insist(lambda db, now: Deliveries(db).disable(self._endpoint.id, reason=reason, now=now))
        emit_trouble("webhook.disabled", Undelivered(reason), endpoint=self._endpoint.shown)
