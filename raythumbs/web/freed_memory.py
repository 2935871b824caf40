"""Returns freed memory to the system when uploads pause.

The environment of replicas (cluster/environment.py) makes the C library keep freed memory for the next upload, which
saves a third of the CPU while uploads come. Without this module, a replica would keep the memory of its peak for ever.
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable

QUIET_SECONDS = 3.0
_WORTH_BYTES = 8 << 20
_REQUEST_BYTES = 32 << 10  # what a request needs besides its bytes: connection, task, buffers
_M_ARENA_MAX = -8


def share_arenas() -> None:
    """Make the threads of this process share two arenas of the C library (mallopt(3), M_ARENA_MAX).

    By default each thread has an arena of its own, and malloc_trim(3) does not shrink the end of those.
    """
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def keep_loaded() -> None:
    """Exclude all objects that exist now from garbage collection: they stay, and a search of them takes 0.08 s."""
    gc.collect()
    gc.freeze()


def trim() -> None:
    """Collect garbage (errors of refused bodies are in reference cycles), then return free memory (malloc_trim(3))."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


class FreedMemory:
    """Calls `trim` after many bytes have passed, once few bytes pass for some seconds."""

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
        """Trim if few bytes have passed since then. Otherwise look again later."""
        if self._passed_bytes - passed_before >= _WORTH_BYTES:
            self._look_later()
            return
        self._passed_bytes, self._armed = 0, False
        asyncio.get_running_loop().run_in_executor(None, self._trim)
