import asyncio
import os
import subprocess
import sys
import threading

from raythumbs.web.freed_memory import FreedMemory

MIB = 1 << 20


async def _trims(freed, trimmed):
    for _ in range(100):
        await asyncio.sleep(0.001)
        if trimmed:
            break
    return len(trimmed)


def test_memory_of_large_bodies_is_returned_once_uploads_pause():
    async def story():
        trimmed = []
        freed = FreedMemory(lambda: trimmed.append(1))
        freed.passed(9 * MIB)
        freed.look(9 * MIB)
        return await _trims(freed, trimmed)

    assert asyncio.run(story()) == 1


def test_no_memory_is_returned_while_uploads_come():
    async def story():
        trimmed = []
        freed = FreedMemory(lambda: trimmed.append(1))
        freed.passed(9 * MIB)
        freed.passed(9 * MIB)
        freed.look(9 * MIB)
        return await _trims(freed, trimmed)

    assert asyncio.run(story()) == 0


def test_a_small_request_sets_no_timer():
    freed = FreedMemory(lambda: None)

    freed.passed(1000)  # which has no event loop to set one in


def test_memory_of_many_small_requests_is_returned_too():
    async def story():
        trimmed = []
        freed = FreedMemory(lambda: trimmed.append(1))
        for _ in range(1000):
            freed.passed(20)
        freed.look(1 << 40)
        return await _trims(freed, trimmed)

    assert asyncio.run(story()) == 1


def test_the_end_is_given_back_after_the_rest_and_in_the_thread_of_the_event_loop():
    async def story():
        calls = []
        freed = FreedMemory(
            lambda: calls.append(("trim", threading.get_ident())),
            lambda: calls.append(("end", threading.get_ident())),
        )
        freed.passed(9 * MIB)
        freed.look(9 * MIB)
        for _ in range(1000):
            await asyncio.sleep(0.001)
            if len(calls) == 2:
                break
        return calls

    [(first, elsewhere), (second, here)] = asyncio.run(story())

    assert (first, second, here) == ("trim", "end", threading.get_ident())
    assert elsewhere != here


FILL_AND_FREE = """
import ctypes, threading
from raythumbs.web.freed_memory import give_back_end, trim

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
MIB = 1 << 20

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def fill_and_free():
    before = resident()
    pieces = [0] * 400  # as long as it will be: nothing that stays lies behind the pieces
    for number in range(400):
        pieces[number] = libc.malloc(100_000)
        ctypes.memset(pieces[number], 1, 100_000)
    for piece in pieces:
        libc.free(piece)
    trim()
    kept = resident() - before
    give_back_end()
    print(kept // MIB, (resident() - before) // MIB)

thread = threading.Thread(target=fill_and_free)
thread.start()
thread.join()
"""


def test_the_free_end_of_a_threads_arena_is_given_back_to_the_system():
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": str(128 * MIB), "MALLOC_MMAP_THRESHOLD_": str(32 * MIB)}

    ended = subprocess.run(
        [sys.executable, "-c", FILL_AND_FREE], env=environment, capture_output=True, text=True, check=True
    )

    kept, left = map(int, ended.stdout.split())
    assert kept > 10
    assert left < 3
