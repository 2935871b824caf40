"""Decoding in a child process: what crashes, hangs or eats memory there takes nothing else with it.

The child has an empty environment, so no credentials; it can open no files but its libraries, reach no network and no
other process, and gain no privileges (see confinement.py); and it has limits on memory, CPU time, files and core dumps.
A photo goes to it as a file descriptor, without a copy; what comes back is lengths as JSON and then
bytes: nothing that the child says is executed, and nothing is believed without a bound.
"""

import ctypes
import json
import math
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from raythumbs import errors
from raythumbs.errors import BadPicture, Crashed, NeedsMemory, NoSandbox, TimedOut
from raythumbs.imaging.confinement import confine
from raythumbs.imaging.decode import Limits
from raythumbs.imaging.malloc import keep_freed_memory
from raythumbs.imaging.render import Rendered, RenderedSpec, render
from raythumbs.model.photo import Fit, Format, RenditionSpec

PHOTOS_PER_CHILD = 2000  # then a new one: whatever leaked is given back. A start costs as much as 20 small photos
_ANSWER_BYTES = 64 * 1024  # of the JSON; the child tells of few renditions
_RENDITION_BYTES = 256 * 1024 * 1024
_MEMORY_BYTES = 1 << 50
_SIDE_PIXELS = 1 << 30
_CPU_SECONDS = 1 << 20
_THUMB_HASH_BYTES = 32
_PR_SET_PDEATHSIG = 1  # of linux/prctl.h
_SPARE_BYTES = 24 << 20  # beyond the limit: what decoders reserve and never touch, and Python's own objects
_SPARE_ADDRESSES = 1 << 30  # for the interpreter, its libraries and a photo's file
_STACK_BYTES = 1 << 20  # of a decoder's thread; 8 MiB otherwise, which count as taken
_STATM_DATA = 5  # proc(5), /proc/self/statm: pages of data and stacks
_STARTING_SECONDS = 30.0
_ENDING_SECONDS = 0.2  # a child whose line is closed is about to end, if it is not at fault
_BAD_PICTURES = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BadPicture)
}


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: socket.socket
    is_ready: bool = False
    photos: int = 0


@dataclass(frozen=True, slots=True)
class _Photo:
    file: BinaryIO
    seconds: float


class Sandbox:
    """One child process at a time, started when it is first needed; used by one thread.

    Photos are answered in the order in which they are given. Give the next before the last is answered, and the child
    need not wait for us in between.
    """

    def __init__(
        self, specs: Sequence[RenditionSpec], limits: Limits, *, photos_per_child: int = PHOTOS_PER_CHILD
    ) -> None:
        for spec in specs:
            spec.check()  # here, as the child would die of it
        self._orders = json.dumps({"specs": [asdict(spec) for spec in specs], "limits": asdict(limits)}).encode()
        self._specs = tuple(specs)
        self._photos_per_child = photos_per_child
        self._child: _Child | None = None
        self._given: deque[_Photo] = deque()
        self._sent = 0  # of those that were given

    def start(self) -> _Child:
        """Start the child now, if there is none."""
        self._child = self._child or _started(self._orders)
        return self._child

    def give(self, file: BinaryIO, *, seconds: float) -> None:
        """Give a photo, to be rendered within `seconds` of the answer before; its file stays open until the answer."""
        self._given.append(_Photo(file, seconds))
        if self._child and self._child.is_ready:
            with suppress(OSError):  # a child that has died: `answer` starts another
                self._send()

    def answer(self) -> tuple[Rendered, float]:
        """Return the first photo that was given, rendered, and the CPU seconds that the child took.

        Raises what `render` raises, and TimedOut or Crashed, after which the next photo gets a new child, and NoSandbox
        where there is none to be had.
        """
        photo = self._given[0]
        try:
            return self._answered(self._at_work(), photo.seconds)
        except TimeoutError as error:
            self.close()
            raise TimedOut(f"rendering took more than {photo.seconds:.0f} s") from error
        except (OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise self._blamed(photo.seconds) from error
        finally:
            self._given.popleft()
            self._sent = max(0, self._sent - 1)
            if self._child and not self._sent and self._child.photos >= self._photos_per_child:
                self.close()

    def render(self, file: BinaryIO, *, seconds: float) -> tuple[Rendered, float]:
        """Give one photo, and return its answer."""
        self.give(file, seconds=seconds)
        return self.answer()

    def _at_work(self) -> _Child:
        """Return the child that has the first photo; one that died before it was given it is no fault of that photo."""
        for _ in range(2):
            try:
                child = self._ready()
                self._send()
            except OSError as error:
                if self._sent:
                    raise
                ended = f"{self.close()}: {error}"
            else:
                return child
        raise NoSandbox(f"the process that decodes does not start ({ended})")

    def _send(self) -> None:
        """Send what was given, as much as this child shall render."""
        child = self.start()
        for photo in islice(self._given, self._sent, None):
            if child.photos < self._photos_per_child:
                message = min(math.ceil(photo.seconds), 0xFFFF).to_bytes(2, "big")
                socket.send_fds(child.line, [message], [photo.file.fileno()])
                child.photos += 1
                self._sent += 1

    def _ready(self) -> _Child:
        child = self.start()
        if not child.is_ready:
            _received(child.line, 1, time.monotonic() + _STARTING_SECONDS)
            child.is_ready = True
        return child

    def _blamed(self, seconds: float) -> TimedOut | Crashed:
        """End the child; return what is to be said of the photo that it had."""
        ended = self.close()
        if ended == signal.SIGXCPU.name:
            return TimedOut(f"rendering took more than {seconds:.0f} s of CPU time")
        return Crashed(f"the decoder died ({ended})")

    def _answered(self, child: _Child, seconds: float) -> tuple[Rendered, float]:
        until = time.monotonic() + seconds
        head = _received(child.line, 4, until)
        told = json.loads(_received(child.line, min(int.from_bytes(head, "big"), _ANSWER_BYTES), until))
        if "needed_bytes" in told:
            raise NeedsMemory(_text(told["reason"], 1000), _bounded(told["needed_bytes"], _MEMORY_BYTES))
        if "code" in told:
            raise _BAD_PICTURES[told["code"]](_text(told["reason"], 1000))
        renditions = tuple(
            RenderedSpec(
                spec,
                _bounded(r["width"], _SIDE_PIXELS),
                _bounded(r["height"], _SIDE_PIXELS),
                _received(child.line, _bounded(r["bytes"], _RENDITION_BYTES), until),
            )
            for spec, r in zip(self._specs, told["renditions"], strict=True)
        )
        notes = tuple(_text(note, 200) for note in told["notes"][:10])
        size = _bounded(told["width"], _SIDE_PIXELS), _bounded(told["height"], _SIDE_PIXELS)
        told_hash = bytes.fromhex(told["thumb_hash"])[:_THUMB_HASH_BYTES]
        cpu_seconds = float(told["cpu"])
        if not 0 <= cpu_seconds < _CPU_SECONDS:
            raise ValueError(f"{cpu_seconds} seconds of CPU time")
        return Rendered(*size, _text(told["format"], 16), renditions, told_hash, notes), cpu_seconds

    def close(self) -> str:
        """End the child, if there is one; return how it ended, in words."""
        child, self._child, self._sent = self._child, None, 0
        if child is None:
            return "not started"
        child.line.close()
        try:
            status = child.process.wait(timeout=_ENDING_SECONDS)  # one that already fell tells of what
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
            return "it said what makes no sense, and was ended"
        return signal.Signals(-status).name if status < 0 else f"exit {status}"


def _started(orders: bytes) -> _Child:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            ours.sendall(len(orders).to_bytes(4, "big") + orders)
            process = subprocess.Popen(  # noqa: S603 our own module, by our own interpreter
                [sys.executable, "-I", "-m", "raythumbs.imaging.sandbox", str(theirs.fileno()), str(os.getpid())],
                env={},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except BaseException:
            ours.close()
            raise
    return _Child(process, ours)


def _bounded(told: Any, most: int) -> int:  # noqa: ANN401 whatever the child said
    if not 0 < int(told) <= most:
        raise ValueError(f"{told} is not from 1 to {most}")
    return int(told)


def _text(told: Any, most: int) -> str:  # noqa: ANN401 whatever the child said
    """Return text that every database takes."""
    return str(told)[:most].encode("utf-8", "replace").decode().replace("\0", "")


def _received(line: socket.socket, size: int, until: float | None) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        if until is not None:
            line.settimeout(max(1e-3, until - time.monotonic()))
        count = line.recv_into(view)
        if count == 0:
            raise EOFError if until is None else ConnectionError("the line was closed")
        view = view[count:]
    return bytes(data)


# --- the child


def _serve(line: socket.socket) -> None:
    orders = json.loads(_received(line, int.from_bytes(_received(line, 4, None), "big"), None))
    specs = [_spec(told) for told in orders["specs"]]
    limits = Limits(**orders["limits"])
    _confine(limits)
    line.sendall(b"r")
    while True:
        message, descriptors, _, _ = socket.recv_fds(line, 2, 1)
        if not message:
            return
        _limit_cpu(int.from_bytes(message, "big"))
        with os.fdopen(descriptors[0], "rb") as file:
            line.sendall(_answer(file, specs, limits))


def _spec(told: dict[str, Any]) -> RenditionSpec:
    fit, file_format, (across, down) = Fit(told["fit"]), Format(told["format"]), told["focus"]
    return RenditionSpec(**told | {"fit": fit, "format": file_format, "focus": (across, down)})


def _answer(file: BinaryIO, specs: Sequence[RenditionSpec], limits: Limits) -> bytes:
    began = _cpu_seconds()
    try:
        rendered = render(file, specs, limits)
    except NeedsMemory as error:
        return _framed({"needed_bytes": error.needed_bytes, "reason": error.reason})
    except BadPicture as error:
        return _framed({"code": error.code, "reason": error.reason})
    sizes = [{"width": r.width, "height": r.height, "bytes": len(r.data)} for r in rendered.renditions]
    told: dict[str, object] = {
        "width": rendered.width,
        "height": rendered.height,
        "format": rendered.format,
        "thumb_hash": rendered.thumb_hash.hex(),
        "notes": rendered.notes,
    }
    return _framed(told | {"renditions": sizes, "cpu": _cpu_seconds() - began}) + b"".join(
        r.data for r in rendered.renditions
    )


def _cpu_seconds() -> float:
    """Of this process. Its clock, `process_time`, goes by ticks while there is a limit on CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _framed(told: dict[str, object]) -> bytes:
    text = json.dumps(told).encode()
    return len(text).to_bytes(4, "big") + text


def _confine(limits: Limits) -> None:
    """Limit memory to what is taken now and the pictures' share: of one that takes more than its header announced, the
    allocation fails."""
    _make_small_stacks()
    pages = int(Path("/proc/self/statm").read_text().split()[_STATM_DATA])
    confine()
    memory = pages * resource.getpagesize() + limits.decode_bytes + _SPARE_BYTES
    addresses = limits.decode_bytes + _SPARE_ADDRESSES
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _make_small_stacks() -> None:
    """Give threads that are made from here on a stack of one MiB (pthread_setattr_default_np(3))."""
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(64)  # sizeof(pthread_attr_t) is 56 on x86-64, 64 on ARM
    libc.pthread_attr_init(attributes)
    libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(_STACK_BYTES))
    libc.pthread_setattr_default_np(attributes)


def _limit_cpu(seconds: int) -> None:
    """From here on so much CPU time a core, whoever watches the clock: one whose owner is held still ends too."""
    most = math.ceil(_cpu_seconds()) + seconds * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _die_with(parent: int) -> None:
    """End this process when its parent ends (prctl(2), PR_SET_PDEATHSIG), also if that was a moment ago."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit


def main() -> None:
    """Serve photos on the socket whose descriptor is the first argument, until it is closed."""
    _die_with(int(sys.argv[2]))
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the service, which ends this one
    with suppress(EOFError, ConnectionError), socket.socket(fileno=int(sys.argv[1])) as line:
        _serve(line)


if __name__ == "__main__":
    main()
