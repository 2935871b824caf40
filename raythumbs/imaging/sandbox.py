"""Decoding in a child process: what crashes, hangs or eats memory there takes nothing else with it.

The child has an empty environment, so no credentials, and limits on memory, files and core dumps. A photo goes to it as
a file descriptor, without a copy; what comes back is lengths as JSON and then bytes: nothing that the child says is
executed, and nothing is believed without a bound.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from raythumbs import errors
from raythumbs.errors import BadPicture, Crashed, NeedsMemory, TimedOut
from raythumbs.imaging.decode import Limits
from raythumbs.imaging.render import Rendered, RenderedSpec, render
from raythumbs.model.photo import Fit, Format, RenditionSpec

PHOTOS_PER_CHILD = 200  # then a new one: whatever leaked is given back
_ANSWER_BYTES = 64 * 1024  # of the JSON; the child tells of few renditions
_RENDITION_BYTES = 256 * 1024 * 1024
_THUMB_HASH_BYTES = 32
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_SPARE_BYTES = 1 << 30  # of address space, for the interpreter, its libraries and a photo's file
_BAD_PICTURES = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BadPicture)
}


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: socket.socket
    photos: int = 0


class Sandbox:
    """One child process at a time, started when it is first needed; used by one thread."""

    def __init__(
        self, specs: Sequence[RenditionSpec], limits: Limits, *, photos_per_child: int = PHOTOS_PER_CHILD
    ) -> None:
        self._orders = json.dumps({"specs": [asdict(spec) for spec in specs], "limits": asdict(limits)}).encode()
        self._specs = tuple(specs)
        self._photos_per_child = photos_per_child
        self._child: _Child | None = None

    def start(self) -> _Child:
        """Start the child now, if there is none."""
        self._child = self._child or _started(self._orders)
        return self._child

    def render(self, file: BinaryIO, *, seconds: float) -> tuple[Rendered, float]:
        """Render the photo within `seconds`; return it, and the CPU seconds that the child took.

        Raises what `render` raises, and TimedOut or Crashed, after which the next photo gets a new child.
        """
        child = self.start()
        child.photos += 1
        until = time.monotonic() + seconds
        try:
            return self._asked(child, file, until)
        except TimeoutError as error:
            self.close()
            raise TimedOut(f"rendering took more than {seconds:.0f} s") from error
        except (OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise Crashed(f"the decoder died ({self.close()})") from error
        finally:
            if child.photos >= self._photos_per_child:
                self.close()

    def _asked(self, child: _Child, file: BinaryIO, until: float) -> tuple[Rendered, float]:
        socket.send_fds(child.line, [b"p"], [file.fileno()])
        head = _received(child.line, 4, until)
        told = json.loads(_received(child.line, min(int.from_bytes(head, "big"), _ANSWER_BYTES), until))
        if "needed_bytes" in told:
            raise NeedsMemory(str(told["reason"])[:1000], int(told["needed_bytes"]))
        if "code" in told:
            raise _BAD_PICTURES[told["code"]](str(told["reason"])[:1000])
        renditions = tuple(
            RenderedSpec(spec, int(r["width"]), int(r["height"]), _received(child.line, _bounded(r["bytes"]), until))
            for spec, r in zip(self._specs, told["renditions"], strict=True)
        )
        notes = tuple(str(note)[:200] for note in told["notes"][:10])
        size = int(told["width"]), int(told["height"])
        told_hash = bytes.fromhex(told["thumb_hash"])[:_THUMB_HASH_BYTES]
        return Rendered(*size, str(told["format"])[:16], renditions, told_hash, notes), float(told["cpu"])

    def close(self) -> str:
        """End the child, if there is one; return how it ended, in words."""
        child, self._child = self._child, None
        if child is None:
            return "not started"
        child.line.close()
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout=0.05)  # one that already fell tells of what
        child.process.kill()
        status = child.process.wait()
        return signal.Signals(-status).name if status < 0 else f"exit {status}"


def _started(orders: bytes) -> _Child:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 our own module, by our own interpreter
            [sys.executable, "-I", "-m", "raythumbs.imaging.sandbox", str(theirs.fileno()), str(os.getpid())],
            env={},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    ours.sendall(len(orders).to_bytes(4, "big") + orders)
    return _Child(process, ours)


def _bounded(size: Any) -> int:  # noqa: ANN401 whatever the child said
    if not 0 < int(size) <= _RENDITION_BYTES:
        raise ValueError(f"a rendition of {size} bytes")
    return int(size)


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
    while True:
        signal_byte, descriptors, _, _ = socket.recv_fds(line, 1, 1)
        if not signal_byte:
            return
        with os.fdopen(descriptors[0], "rb") as file:
            line.sendall(_answer(file, specs, limits))


def _spec(told: dict[str, Any]) -> RenditionSpec:
    fit, file_format, (across, down) = Fit(told["fit"]), Format(told["format"]), told["focus"]
    return RenditionSpec(**told | {"fit": fit, "format": file_format, "focus": (across, down)})


def _answer(file: BinaryIO, specs: Sequence[RenditionSpec], limits: Limits) -> bytes:
    began = time.process_time()
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
    return _framed(told | {"renditions": sizes, "cpu": time.process_time() - began}) + b"".join(
        r.data for r in rendered.renditions
    )


def _framed(told: dict[str, object]) -> bytes:
    text = json.dumps(told).encode()
    return len(text).to_bytes(4, "big") + text


def _confine(limits: Limits) -> None:
    memory = limits.decode_bytes + _SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _keep_freed_memory() -> None:
    """Keep what one photo's pixels took for the next (mallopt(3)): faulting it in anew costs a millisecond a photo."""
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_MMAP_THRESHOLD, 32 << 20)
    mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def _die_with(parent: int) -> None:
    """End this process when its parent ends (prctl(2), PR_SET_PDEATHSIG), also if that was a moment ago."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit


def main() -> None:
    """Serve photos on the socket whose descriptor is the first argument, until it is closed."""
    _die_with(int(sys.argv[2]))
    _keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the service, which ends this one
    with suppress(EOFError, ConnectionError), socket.socket(fileno=int(sys.argv[1])) as line:
        _serve(line)


if __name__ == "__main__":
    main()
