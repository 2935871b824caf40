"""What all uploads of a process share: memory for bytes that wait to be written, and threads to write them in."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

_BUDGET_BYTES = 64 << 20
_MOST_BYTES = 2 << 20  # collected, before a thread is asked to write them: a thread costs more than the bytes
_LEAST_BYTES = 16 << 10
_WRITERS = 4
_KEEPERS = 64


class UploadRoom:
    """A share of memory for each upload that arrives; threads for writing, and others for what a slow store delays."""

    def __init__(self) -> None:
        self._arriving = 0
        self._writers = ThreadPoolExecutor(_WRITERS, "write")
        self._keepers = ThreadPoolExecutor(_KEEPERS, "keep")

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Count an upload as one of those that share the memory."""
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1

    @property
    def share_bytes(self) -> int:
        """The bytes that an upload may collect before it writes them; less, the more uploads there are."""
        return max(_LEAST_BYTES, min(_MOST_BYTES, _BUDGET_BYTES // max(1, self._arriving)))

    async def write(self, work: Callable[[], None]) -> None:
        """Write to a file that is arriving, which takes no time to speak of."""
        await _done(self._writers, work)

    async def keep(self, work: Callable[[], None]) -> None:
        """Do what may wait for a store."""
        await _done(self._keepers, work)


async def _done(threads: ThreadPoolExecutor, work: Callable[[], None]) -> None:
    """Do what blocks in a thread, and do not leave before it is done, not even cancelled: clearing up comes after."""
    doing = asyncio.get_running_loop().run_in_executor(threads, work)
    try:
        await asyncio.shield(doing)
    finally:
        await asyncio.wait([doing])
