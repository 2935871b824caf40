"""Decoding in a child process. A crash, a hang or a lack of memory there ends the child alone.

The child has an empty environment, so it has no credentials. It can open no files except Python's and its libraries'.
It can reach neither the network nor other processes, gains no privileges, and makes only the system calls that decoding
needs (see confinement/). Its memory, CPU time, files and core dumps are limited (see sandbox_child.py). Its answers are
checked (see sandbox_messages.py).
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from raythumbs.errors import BadPicture, Crashed, NeedsMemory, NoSandbox, TimedOut
from raythumbs.imaging.confinement import Fence
from raythumbs.imaging.confinement.missing import tell_missing
from raythumbs.imaging.confinement.refusals import Refusals
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.render import Rendered
from raythumbs.imaging.sandbox_messages import encode_orders, receive_answer, receive_ready, send_photo
from raythumbs.model.photo import RenditionSpec

PROGRAM = ("-m", "raythumbs.imaging.sandbox_child")
PHOTOS_PER_CHILD = 2000  # then a new child, to free leaked memory. A start costs as much as 20 small photos.
_STARTING_SECONDS = 30.0
_ENDING_SECONDS = 0.2  # a sound child ends at once when its socket is closed
_DYING_SECONDS = 2.0  # a child that dies closes its socket first. On a busy machine, Python's end takes a while.
_BAD_ANSWER = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


@dataclass(slots=True)
class Child:
    """A child process, the socket to it, and how many photos it was sent."""

    process: subprocess.Popen[bytes]
    line: socket.socket
    is_ready: bool = False
    photos: int = 0
    fences: tuple[Fence, ...] = ()
    refusals: Refusals | None = None

    @classmethod
    def started(cls, orders: bytes, *, program: Sequence[str] = PROGRAM) -> "Child":
        """Start a child and send it its orders. `program` is what its Python runs."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                ours.sendall(orders)
                return cls(_process(program, theirs.fileno()), ours)
            except BaseException:
                ours.close()
                raise

    def wait_until_ready(self) -> None:
        """Return once the child has started; raise OSError if it does not."""
        if not self.is_ready:
            confined = receive_ready(self.line, time.monotonic() + _STARTING_SECONDS)
            self.fences = confined.fences
            self.refusals = Refusals(confined.listener) if confined.listener is not None else None
            self.is_ready = True
            tell_missing(confined.fences)

    def send(self, photo: "_Photo") -> None:
        """Send a photo to the child."""
        send_photo(self.line, photo.file, seconds=photo.seconds, wanted=photo.wanted)
        self.photos += 1

    def answer(self, specs: Sequence[RenditionSpec], until: float) -> tuple[Rendered, float]:
        """Return what `receive_answer` returns. Meanwhile, refuse the system calls that the child may not make.

        A photo that fails after a refused call is not called bad, because the call may be the reason: raises Crashed.
        """
        if self.refusals:
            self.refusals.wait_until_readable(self.line.fileno(), until)
        try:
            return receive_answer(self.line, specs, until)
        except (BadPicture, NeedsMemory) as error:
            if self.refused_calls:
                raise Crashed(f"the decoder was refused {self.refused_calls}, and said: {error.reason}") from error
            raise

    @property
    def refused_calls(self) -> str:
        """The system calls that were refused during the last photo, in words, or nothing."""
        names = self.refusals.names if self.refusals else []
        return f"the system call {', '.join(names)}" if names else ""

    def end(self, patience_seconds: float) -> str:
        """End the process, which has so long to end by itself; return how it ended, in words."""
        self.line.close()
        if self.refusals:
            self.refusals.close()
        try:
            status = self.process.wait(timeout=patience_seconds)  # of a child that died already: how it died
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "it did not end by itself, and was killed"
        return signal.Signals(-status).name if status < 0 else f"exit {status}"


def _process(program: Sequence[str], line: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 our own module, by our own interpreter
        [sys.executable, "-I", "-B", *program, str(line), str(os.getpid())],
        env={},
        pass_fds=[line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@dataclass(frozen=True, slots=True)
class _Photo:
    file: BinaryIO
    seconds: float
    wanted: tuple[bool, ...]  # of each spec of the sandbox


class Sandbox:
    """One child process, started when it is first needed, and replaced when it ends. One thread may use a sandbox.

    The answers come in the order of the photos. Give the next photo before you take the answer of the last one, so that
    the child never waits.
    """

    def __init__(
        self,
        specs: Sequence[RenditionSpec],
        limits: Limits,
        *,
        photos_per_child: int = PHOTOS_PER_CHILD,
        start_child: Callable[[bytes], Child] = Child.started,
    ) -> None:
        for spec in specs:
            spec.check()  # in the child, the error would look like a crash
        self._orders = encode_orders(specs, limits)
        self._specs = tuple(specs)
        self._photos_per_child = photos_per_child
        self._start_child = start_child
        self._child: Child | None = None
        self._given: deque[_Photo] = deque()
        self._sent = 0  # how many of the given photos the child has

    def start(self) -> Child:
        """Start the child now, if there is none."""
        self._child = self._child or self._start_child(self._orders)
        return self._child

    def fences(self) -> tuple[Fence, ...]:
        """Start the child if there is none; return its fences. Raises OSError if it does not start."""
        child = self.start()
        child.wait_until_ready()
        return child.fences

    def give(self, file: BinaryIO, *, seconds: float, specs: Collection[RenditionSpec] | None = None) -> None:
        """Give a photo. Its rendering may take so many seconds after the previous answer.

        `specs` are those of the sandbox's specs that are wanted, by default all. Keep the file open until the answer.
        """
        self._given.append(_Photo(file, seconds, tuple(specs is None or spec in specs for spec in self._specs)))
        if self._child and self._child.is_ready:
            with suppress(OSError):  # the child has died: `answer` starts another
                self._send()

    def answer(self) -> tuple[Rendered, float]:
        """Return the first of the given photos, rendered, and the CPU seconds that the child took.

        Raises what `render` raises; TimedOut or Crashed, after which the next photo gets a new child; and NoSandbox if
        no child can be started.
        """
        photo = self._given[0]
        try:
            child = self._child_at_work()
            wanted = [spec for spec, is_wanted in zip(self._specs, photo.wanted, strict=True) if is_wanted]
            return child.answer(wanted, time.monotonic() + photo.seconds)
        except TimeoutError as error:
            self.close()
            raise TimedOut(f"rendering took more than {photo.seconds:.0f} s") from error
        except _BAD_ANSWER as error:
            raise self._failure(photo, error) from error
        finally:
            self._forget_first()

    def render(self, file: BinaryIO, *, seconds: float) -> tuple[Rendered, float]:
        """Give one photo, and return its answer."""
        self.give(file, seconds=seconds)
        return self.answer()

    def close(self, patience_seconds: float = _ENDING_SECONDS) -> str:
        """End the child, if there is one; return how it ended, in words."""
        child, self._child, self._sent = self._child, None, 0
        return child.end(patience_seconds) if child else "not started"

    def _child_at_work(self) -> Child:
        """Return the child, which has the first photo. A child that died before it got that photo is replaced once."""
        for _ in range(2):
            try:
                child = self.start()
                child.wait_until_ready()
                self._send()
            except OSError as error:
                if self._sent:
                    raise
                ended = f"{self.close()}: {error}"
            else:
                return child
        raise NoSandbox(f"the process that decodes does not start ({ended})")

    def _send(self) -> None:
        """Send the given photos to the child, up to its share of photos."""
        child = self.start()
        for photo in islice(self._given, self._sent, None):
            if child.photos < self._photos_per_child:
                child.send(photo)
                self._sent += 1

    def _failure(self, photo: _Photo, error: Exception) -> TimedOut | Crashed:
        """End the child; return the error of the photo that it had."""
        refused = self._child.refused_calls if self._child else ""
        is_dying = isinstance(error, OSError)
        ended = self.close(_DYING_SECONDS if is_dying else _ENDING_SECONDS)
        if ended == signal.SIGXCPU.name:
            return TimedOut(f"rendering took more than {photo.seconds:.0f} s of CPU time")
        what = "the decoder died" if is_dying else "the decoder's answer makes no sense"
        return Crashed(f"{what} ({ended})" + (f" after it was refused {refused}" if refused else ""))

    def _forget_first(self) -> None:
        """Drop the photo that was answered; end a child that has rendered its share of photos."""
        self._given.popleft()
        self._sent = max(0, self._sent - 1)
        if self._child and not self._sent and self._child.photos >= self._photos_per_child:
            self.close()
