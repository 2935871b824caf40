"""Returns freed memory to the system when uploads pause.

The environment of replicas (cluster/environment.py) makes the C library keep freed memory for the next upload, which
saves a third of the CPU while uploads come. Without this module, a replica would keep the memory of its peak for ever.

Python's own arenas (obmalloc.c) still stay: one of 1 MiB is given back only when nothing in it is used. After a
thousand slow uploads these are 18 MiB more than the 217 at rest, and no later attack adds to them. With
PYTHONMALLOC=malloc it would be 2 MiB, for 3 to 4 % more CPU a request, and a runtime environment for the replica.
"""

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable

QUIET_SECONDS = 3.0
_WORTH_BYTES = 8 << 20
_REQUEST_BYTES = 32 << 10  # what a request needs besides its bytes: connection, task, buffers
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8  # malloc.h
_USUAL_THRESHOLD_BYTES = 128 << 10  # mallopt(3)
_PIECE_BYTES = 256 << 10


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


def give_back_end() -> None:
    """Give back the free end of this thread's arena. It takes less than 5 ms.

    malloc_trim(3) shortens the main arena alone. Any other is shortened when a piece of 64 KiB or more is freed in it
    and its end is above the threshold (glibc, malloc/arena.c, heap_trim). The event loop is not in the main thread:
    after bodies of 4 MiB of JSON, up to 10 MiB stayed at the end of its arena.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
    usual = int(os.environ.get("MALLOC_TRIM_THRESHOLD_", _USUAL_THRESHOLD_BYTES))  # see cluster/environment.py
    libc.mallopt(_M_TRIM_THRESHOLD, 0)
    libc.free(libc.malloc(_PIECE_BYTES))
    libc.mallopt(_M_TRIM_THRESHOLD, usual)


class FreedMemory:
    """Gives memory back after many bytes have passed, once few bytes pass for some seconds.

    `trim` is called in another thread, because it takes long, and then `give_back_end` in the event loop's own.
    """

    def __init__(self, trim: Callable[[], None] = trim, give_back_end: Callable[[], None] = give_back_end) -> None:
        self._trim = trim
        self._give_back_end = give_back_end
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
        trimming = asyncio.get_running_loop().run_in_executor(None, self._trim)
        trimming.add_done_callback(lambda _: self._give_back_end())
