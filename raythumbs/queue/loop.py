"""Every loop is the same loop: a turn, a rest, and a bad turn is reported, never fatal."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from raythumbs.events import emit_trouble

Turn = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Loop:
    """A turn, the rest between two of them, and the event that ends a rest early."""

    turn: Turn
    every_seconds: float = field(kw_only=True)
    wake: asyncio.Event = field(default_factory=asyncio.Event, kw_only=True)

    async def forever(self) -> None:
        """Take turns until cancelled."""
        while True:
            self.wake.clear()
            await attempt(self.turn)
            try:
                async with asyncio.timeout(self.every_seconds):
                    await self.wake.wait()
            except TimeoutError:
                pass


async def attempt(turn: Turn) -> None:
    """Take a turn; if it goes wrong, the next may fare better."""
    try:
        await turn()
    except Exception as error:  # noqa: BLE001 whatever it is, it is one turn's
        emit_trouble("loop.stumbled", error, turn=getattr(turn, "__qualname__", repr(turn)))
