"""Spreads requests that come at once over several rounds of the event loop, so that other requests are answered in
between."""

import asyncio
from collections import deque

_A_ROUND = 4


class Throttle:
    """Lets at most `a_round` requests go on in each round of the event loop, in the order in which they came."""

    def __init__(self, a_round: int = _A_ROUND) -> None:
        self._a_round = a_round
        self._left = a_round
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Return when the request may go on: at once, unless many wait."""
        if self._left == self._a_round:
            asyncio.get_running_loop().call_soon(self._next_round)
        if self._left:
            self._left -= 1
            return
        admitted = asyncio.get_running_loop().create_future()
        self._waiting.append(admitted)
        await admitted

    def _next_round(self) -> None:
        self._left = self._a_round
        while self._left and self._waiting:
            admitted = self._waiting.popleft()
            if not admitted.done():  # else the request was cancelled while it waited
                admitted.set_result(None)
                self._left -= 1
        if self._left < self._a_round:
            asyncio.get_running_loop().call_soon(self._next_round)
