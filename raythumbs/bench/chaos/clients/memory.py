"""The memory of the processes that answer HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil

from raythumbs.bench.chaos.killer import TITLES
from raythumbs.bench.meter import Family

_LOOK_SECONDS = 0.1


class ReplicaMemory:
    """The memory (RSS, of all together) of the replicas of a service.

    `peak_bytes` is the highest since `watched` was entered; `deaths` counts replicas that ended since the beginning.
    """

    def __init__(self, family: Family) -> None:
        self._family = family
        self._replicas: list[psutil.Process] = []
        self.deaths = 0
        self.peak_bytes = self.now_bytes()

    def now_bytes(self) -> int:
        """Return their memory now."""
        alive = [process for process in self._replicas if process.is_running()]
        self.deaths += len(self._replicas) - len(alive)
        if not alive or len(alive) < len(self._replicas):  # to look for them costs 30 ms
            alive = self._family.titled(TITLES["replica"])
        self._replicas = alive
        memory = 0
        for process in alive:
            with suppress(psutil.Error):
                memory += process.memory_info().rss
        return memory

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look again and again while the context lasts."""

        async def watch() -> None:
            while True:
                self.peak_bytes = max(self.peak_bytes, self.now_bytes())
                await asyncio.sleep(_LOOK_SECONDS)

        self.peak_bytes = self.now_bytes()
        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            self.peak_bytes = max(self.peak_bytes, self.now_bytes())

    async def fall(self, *, below_bytes: float, seconds: float) -> int:
        """Wait until their memory is no more than this, or the time is over; return their memory."""
        for _ in range(int(seconds / _LOOK_SECONDS)):
            if self.now_bytes() <= below_bytes:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return self.now_bytes()
