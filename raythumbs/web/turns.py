"""Lets many who come at once begin one after another, so that whoever comes meanwhile is not behind all of them."""

import asyncio
from collections import deque

_AT_ONCE = 4


class Turns:
    """Gives so many turns in each round of the event loop. In between the loop hears, and answers, everybody else."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._at_once = at_once
        self._left = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Return when it is one's turn: at once, unless many come."""
        if self._left == self._at_once:
            asyncio.get_running_loop().call_soon(self._next_round)
        if self._left:
            self._left -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        self._left = self._at_once
        while self._left and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # whoever waited has left
                turn.set_result(None)
                self._left -= 1
        if self._left < self._at_once:
            asyncio.get_running_loop().call_soon(self._next_round)
