"""What all uploads of a process share: memory for bytes that are not yet written, and threads that write them."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

_BUDGET_BYTES = 64 << 20
_MOST_BYTES = 2 << 20  # collected before a thread writes them: calling a thread costs more than writing
_LEAST_BYTES = 16 << 10
_WRITERS = 4
_KEEPERS = 64


class UploadRoom:
    """A share of memory for each arriving upload, threads for writing, and other threads for calls to a slow store."""

    def __init__(self) -> None:
        self._arriving = 0
        self._writers = ThreadPoolExecutor(_WRITERS, "write")
        self._keepers = ThreadPoolExecutor(_KEEPERS, "keep")

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Count an upload among those that share the memory, while the context is open."""
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1

    @property
    def share_bytes(self) -> int:
        """The bytes that an upload may collect before it writes them. The more uploads arrive, the fewer."""
        return max(_LEAST_BYTES, min(_MOST_BYTES, _BUDGET_BYTES // max(1, self._arriving)))

    async def write(self, work: Callable[[], None]) -> None:
        """Run `work`, which writes to an arriving file and takes very little time."""
        await _done(self._writers, work)

    async def keep(self, work: Callable[[], None]) -> None:
        """Run `work`, which may wait for a store."""
        await _done(self._keepers, work)


async def _done(threads: ThreadPoolExecutor, work: Callable[[], None]) -> None:
    """Run blocking work in a thread. Wait for its end even if cancelled, because the caller cleans up after it."""
    doing = asyncio.get_running_loop().run_in_executor(threads, work)
    try:
        await asyncio.shield(doing)
    finally:
        await asyncio.wait([doing])
