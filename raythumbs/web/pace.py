"""Limits the time that a client may take to send its body."""

import asyncio
from collections import deque
from dataclasses import dataclass

from starlette.types import Message, Receive

from raythumbs.errors import TooSlow

GRACE_SECONDS = 10.0  # before a body's rate counts
_TICK_SECONDS = 0.5
_ENDED_AT_ONCE = 10
_NEXT_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The slowest pace of a body: the longest gap between its bytes, and the lowest rate after the grace period."""

    gap_seconds: float
    bytes_per_second: int

    def patience_seconds(self, *, read_bytes: int, waited_seconds: float) -> float:
        """Return how long the next bytes may take, from the bytes read and the seconds waited so far."""
        earned = GRACE_SECONDS + read_bytes / self.bytes_per_second
        return min(self.gap_seconds, earned - waited_seconds)


class Waits:
    """Counts the seconds of all waits for clients, in ticks of the event loop.

    A busy loop ticks late and so counts less: the service's own time is never held against the client. Between two
    ticks the loop receives the bytes that have come, so they are never counted as late.
    """

    def __init__(self, tick_seconds: float = _TICK_SECONDS) -> None:
        self._tick_seconds = tick_seconds
        self._waiting: set[Wait] = set()
        self._over: deque[Wait] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, wait: "Wait") -> None:
        """Count this wait from the next tick on."""
        self._waiting.add(wait)
        if self._timer is None:
            self._arm()

    def end(self, wait: "Wait") -> None:
        """Stop counting this wait."""
        self._waiting.discard(wait)
        wait.deadline = None

    def tick(self) -> None:
        """Count a tick for all waits, and end those that have taken too long."""
        self._timer = None
        for wait in self._waiting:
            wait.seconds += self._tick_seconds
        over = {wait for wait in self._waiting if wait.seconds > wait.patience_seconds}
        self._waiting -= over
        is_ending = bool(self._over)
        self._over.extend(over)
        if not is_ending:
            self._end_some()
        if self._waiting:
            self._arm()

    def _end_some(self) -> None:
        """End a few waits at a time, so that other requests are answered in between: many may be late at once."""
        for _ in range(min(_ENDED_AT_ONCE, len(self._over))):
            wait = self._over.popleft()
            if wait.deadline:
                wait.deadline.reschedule(0)
        if self._over:
            asyncio.get_running_loop().call_later(_NEXT_SECONDS, self._end_some)

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._tick_seconds, self.tick)


@dataclass(slots=True, eq=False)
class Wait:
    """One wait for a client's next bytes. `deadline` ends it, and is None once it has ended."""

    patience_seconds: float
    deadline: asyncio.Timeout | None
    seconds: float = 0.0


class PacedBody:
    """A body's messages, as they come. Raises TooSlow if they come too slowly."""

    def __init__(self, receive: Receive, pace: Pace, waits: Waits) -> None:
        self._receive = receive
        self._pace = pace
        self._waits = waits
        self._read_bytes = 0
        self._waited_seconds = 0.0

    async def receive(self) -> Message:
        """Return the next message."""
        patience = self._pace.patience_seconds(read_bytes=self._read_bytes, waited_seconds=self._waited_seconds)
        try:
            async with asyncio.timeout(None) as deadline:
                wait = Wait(patience, deadline)
                self._waits.begin(wait)
                try:
                    message = await self._receive()
                finally:
                    self._waits.end(wait)
                    self._waited_seconds += wait.seconds
        except TimeoutError as error:
            raise TooSlow(self._reason()) from error
        self._read_bytes += len(message.get("body", b""))
        return message

    async def unpaced(self) -> Message:
        """Return the next message, without a time limit."""
        return await self._receive()

    def _reason(self) -> str:
        return (
            f"the body came too slowly: {self._read_bytes} bytes in {self._waited_seconds:.0f} s; the next byte may "
            f"take {self._pace.gap_seconds:g} s, and after {GRACE_SECONDS:g} s of waiting "
            f"{self._pace.bytes_per_second} bytes must come in each second"
        )
