"""Gives freed memory back to the system.

The C library is told to keep what was freed for the next upload (see engine/environment.py): that saves a third of the
CPU while uploads come, and would otherwise keep the peak's memory for ever.
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable

QUIET_SECONDS = 3.0
_WORTH_BYTES = 8 << 20
_REQUEST_BYTES = 32 << 10  # what a request takes beside its bytes while it is at work: connection, task, buffers
_M_ARENA_MAX = -8


def share_arenas() -> None:
    """Have the threads of this process share two arenas of the C library (mallopt(3), M_ARENA_MAX).

    Each thread would have its own, and of those malloc_trim(3) leaves the end as large as it ever was.
    """
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def keep_loaded() -> None:
    """Take what is loaded now out of the search for garbage: it stays, and a search through it takes 0.08 s."""
    gc.collect()
    gc.freeze()


def trim() -> None:
    """Give back what is free (malloc_trim(3)), and first what errors of refused bodies keep in cycles."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


class FreedMemory:
    """Trims once so much has passed the doors that it is worth it, and they are quiet again."""

    def __init__(self, trim: Callable[[], None] = trim) -> None:
        self._trim = trim
        self._passed_bytes = 0
        self._armed = False

    def passed(self, bytes_: int) -> None:
        """Count a request, with the bytes of its body and its answer."""
        self._passed_bytes += _REQUEST_BYTES + bytes_
        if self._passed_bytes >= _WORTH_BYTES and not self._armed:
            self._armed = True
            self._look_later()

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(QUIET_SECONDS, self.look, self._passed_bytes)

    def look(self, passed_before: int) -> None:
        """Trim if little has passed since, else look again later."""
        if self._passed_bytes - passed_before >= _WORTH_BYTES:
            self._look_later()
            return
        self._passed_bytes, self._armed = 0, False
        asyncio.get_running_loop().run_in_executor(None, self._trim)
