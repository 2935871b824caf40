"""The memory of the processes that answer HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil

from raythumbs.bench.chaos.killer import TITLES
from raythumbs.bench.meter import Family

_LOOK_SECONDS = 0.1


class ReplicaMemory:
    """Watches the replicas of a service, found by the mark in its environment. Memory is RSS, of all together.

    `peak_bytes` is the highest since `watched` was entered; `deaths` counts replicas that ended since the beginning.
    """

    def __init__(self, mark: str) -> None:
        self._family = Family(mark)
        self._replicas: list[psutil.Process] = []
        self.deaths = 0
        self.peak_bytes = self.now_bytes()

    def now_bytes(self) -> int:
        """Return what they have now."""
        alive = [process for process in self._replicas if process.is_running()]
        self.deaths += len(self._replicas) - len(alive)
        if not alive or len(alive) < len(self._replicas):  # to look for them costs 30 ms
            alive = [process for process in self._family.members() if TITLES["replica"] in _title(process)]
        self._replicas = alive
        taken = 0
        for process in alive:
            with suppress(psutil.Error):
                taken += process.memory_info().rss
        return taken

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look again and again while the context lasts."""
        self.peak_bytes = self.now_bytes()
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            self._note()

    async def fall(self, *, below_bytes: float, seconds: float) -> int:
        """Wait until they have no more than this, or the time is over; return what they have."""
        for _ in range(int(seconds / _LOOK_SECONDS)):
            if self.now_bytes() <= below_bytes:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return self.now_bytes()

    async def _watch(self) -> None:
        while True:
            self._note()
            await asyncio.sleep(_LOOK_SECONDS)

    def _note(self) -> None:
        self.peak_bytes = max(self.peak_bytes, self.now_bytes())


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
