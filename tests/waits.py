"""How tests wait for what something else brings about."""

import asyncio
from collections.abc import Awaitable, Callable

_FIRST_SECONDS, _LONGEST_SECONDS = 0.01, 0.1


async def eventually(met: Callable[[], Awaitable[bool]], *, longest_seconds: float = _LONGEST_SECONDS) -> None:
    """Look again and again, less and less often: a look goes through the application or the database."""
    pause = _FIRST_SECONDS
    async with asyncio.timeout(20):
        while not await met():
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, longest_seconds)
