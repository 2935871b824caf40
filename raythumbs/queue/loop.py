"""The loop that all background work runs in: an iteration, a rest, and so on. A failed iteration never ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from raythumbs.events import emit_trouble

Iteration = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Loop:
    """What one iteration does, the rest between two of them, and the event that ends a rest early."""

    run_once: Iteration
    every_seconds: float = field(kw_only=True)
    wake: asyncio.Event = field(default_factory=asyncio.Event, kw_only=True)

    async def forever(self) -> None:
        """Run iterations until cancelled."""
        while True:
            self.wake.clear()
            await run_safely(self.run_once)
            try:
                async with asyncio.timeout(self.every_seconds):
                    await self.wake.wait()
            except TimeoutError:
                pass


async def run_safely(iteration: Iteration) -> None:
    """Run one iteration. Log an error instead of raising it: the next iteration may succeed."""
    try:
        await iteration()
    except Exception as error:  # noqa: BLE001 the edge of an iteration
        emit_trouble("loop.stumbled", error, iteration=getattr(iteration, "__qualname__", repr(iteration)))
