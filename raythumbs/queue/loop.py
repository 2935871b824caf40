"""Every loop is the same loop: a turn, a rest, and a bad turn is reported, never fatal."""

import asyncio
from collections.abc import Awaitable, Callable

from raythumbs.events import emit_trouble


async def attempt(turn: Callable[[], Awaitable[object]]) -> None:
    """Take a turn; if it goes wrong, the next may fare better."""
    try:
        await turn()
    except Exception as error:  # noqa: BLE001 whatever it is, it is one turn's
        emit_trouble("loop.stumbled", error, turn=getattr(turn, "__qualname__", repr(turn)))


async def forever(
    turn: Callable[[], Awaitable[object]], *, every_seconds: float, wake: asyncio.Event | None = None
) -> None:
    """Take turns until cancelled; the rest between two ends early when `wake` is set."""
    wake = wake or asyncio.Event()
    while True:
        wake.clear()
        await attempt(turn)
        try:
            async with asyncio.timeout(every_seconds):
                await wake.wait()
        except TimeoutError:
            pass
