"""Gives freed memory back to the system.

The C library is told to keep what was freed for the next upload (see cluster/environment.py): that saves a third of the
CPU while uploads come, and would otherwise keep the peak's memory for ever.

What still stays are Python's own arenas (obmalloc.c): one of 1 MiB is given back only when nothing in it is used. After
a thousand slow uploads these are 18 MiB more than the 217 at rest, and no later attack adds to them. With
PYTHONMALLOC=malloc it would be 2 MiB, for 3 to 4 % more CPU a request, and a runtime environment for the replica.
"""

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable

QUIET_SECONDS = 3.0
_WORTH_BYTES = 8 << 20
_REQUEST_BYTES = 32 << 10  # what a request takes beside its bytes while it is at work: connection, task, buffers
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8  # malloc.h
_USUAL_THRESHOLD_BYTES = 128 << 10  # mallopt(3)
_PIECE_BYTES = 256 << 10


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
    """Gives memory back once so much has passed the doors that it is worth it, and they are quiet again.

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
        """Trim if little has passed since, else look again later."""
        if self._passed_bytes - passed_before >= _WORTH_BYTES:
            self._look_later()
            return
        self._passed_bytes, self._armed = 0, False
        trimming = asyncio.get_running_loop().run_in_executor(None, self._trim)
        trimming.add_done_callback(lambda _: self._give_back_end())
