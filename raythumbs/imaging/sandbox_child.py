"""The program of a sandbox's child process: it limits itself, then renders the photos that it receives.

`Sandbox` starts it as `python -m raythumbs.imaging.sandbox_child SOCKET PARENT`: the descriptor of the socket, and the
id of the process that started it.
"""

import ctypes
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from raythumbs.errors import BadPicture, NeedsMemory
from raythumbs.imaging.confinement import Confined, confine
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.malloc import keep_freed_memory
from raythumbs.imaging.numpy_room import NUMPY_BYTES
from raythumbs.imaging.render import render
from raythumbs.imaging.sandbox_messages import (
    encode_answer,
    encode_refusal,
    next_photo,
    receive_orders,
    send_ready,
)
from raythumbs.model.photo import RenditionSpec

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SPARE_BYTES = 24 << 20  # beyond the limit: memory that decoders reserve and never use, and Python's own objects
_SPARE_ADDRESSES = 1 << 30  # for the interpreter, its libraries and a photo's file
_OPEN_FILES = 64
_STACK_BYTES = 1 << 20  # of a decoder's thread. The default is 8 MiB, which would count against the memory limit.
_STATM_DATA = 5  # proc(5), /proc/self/statm: pages of data and stacks


def main() -> None:
    """Render the photos that arrive on the socket, until it is closed."""
    _die_with(int(sys.argv[2]))
    keep_freed_memory()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # else numpy's library makes a thread for each core, and none is used
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the service, which ends this process
    with suppress(EOFError, ConnectionError), socket.socket(fileno=int(sys.argv[1])) as line:
        _serve(line)


def _serve(line: socket.socket) -> None:
    specs, limits = receive_orders(line)
    send_ready(line, _limit(limits))
    while True:
        with next_photo(line, specs) as (file, seconds, wanted):
            limit_cpu(seconds)
            line.sendall(_answer(file, wanted, limits))


def _answer(file: BinaryIO, specs: Sequence[RenditionSpec], limits: Limits) -> bytes:
    began = _cpu_seconds()
    try:
        rendered = render(file, specs, limits)
    except (BadPicture, NeedsMemory) as error:
        return encode_refusal(error)
    return encode_answer(rendered, cpu_seconds=_cpu_seconds() - began)


# --- limits


def _limit(limits: Limits) -> Confined:
    """Confine this process, and limit its memory to the present amount and `limits.decode_bytes`.

    If a picture takes more memory than its header announced, the allocation fails.
    """
    _make_small_stacks()
    pages = int(Path("/proc/self/statm").read_text().split()[_STATM_DATA])
    confined = confine()
    memory = pages * resource.getpagesize() + limits.decode_bytes + _SPARE_BYTES
    addresses = limits.decode_bytes + _SPARE_ADDRESSES
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory + NUMPY_BYTES))
    resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return confined


def limit_cpu(seconds: int) -> None:
    """Limit this process to so many seconds of CPU time a core, from now on.

    So the process ends even if its parent is stopped and cannot end it.
    """
    most = math.ceil(_cpu_seconds()) + seconds * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _cpu_seconds() -> float:
    """Return this process's CPU time. `time.process_time` goes by ticks while CPU time is limited."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _make_small_stacks() -> None:
    """Give new threads a stack of one MiB (pthread_setattr_default_np(3))."""
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(64)  # sizeof(pthread_attr_t) is 56 on x86-64, 64 on ARM
    libc.pthread_attr_init(attributes)
    libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(_STACK_BYTES))
    libc.pthread_setattr_default_np(attributes)


def _die_with(parent: int) -> None:
    """End this process when its parent ends (prctl(2), PR_SET_PDEATHSIG), or now if the parent has ended already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit


if __name__ == "__main__":
    main()
