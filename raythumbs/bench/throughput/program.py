"""A contestant that is a program.

It reads a contest from the first line of its standard input, starts what it needs, warms up and prints a line of JSON:
its `version`. At the next line of input it sets out, and prints at the end a line of JSON: `done`, the seconds of each
photo since then.
"""

import json
import os
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from raythumbs.bench.meter import MARK, Family
from raythumbs.bench.servers import die_with_parent
from raythumbs.bench.throughput.contest import Contest, ContestantFailed, Finish, Ready

_START_SECONDS = 120.0
_PHOTO_SECONDS = 5.0  # that a photo may take, whoever makes its thumbnail
_END_SECONDS = 30.0
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}  # the store takes whatever there is


def _ray_token() -> dict[str, str]:
    """A token for a program that starts a Ray: without one Ray writes its own to the home folder, and whoever starts a
    Ray there afterwards has it."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its name and command."""

    name: str
    command: Sequence[str]

    @contextmanager
    def ready(self, contest: Contest, mark: str) -> Iterator[Ready]:
        """Start it and let it warm up."""
        with tempfile.TemporaryFile() as said, self._running(mark, said) as process:
            assert process.stdin  # noqa: S101 asked for below
            assert process.stdout  # noqa: S101 asked for below
            conversation = _Conversation(self.name, process, process.stdin, process.stdout, said)
            told = conversation.ask(contest.line(), seconds=_START_SECONDS)
            patience_seconds = _START_SECONDS + _PHOTO_SECONDS * len(contest.keys)
            yield _ReadyProgram(str(told["version"]), conversation, patience_seconds)

    @contextmanager
    def _running(self, mark: str, said: BinaryIO) -> Iterator["subprocess.Popen[bytes]"]:
        process = subprocess.Popen(  # noqa: S603 those of rivals.py
            self.command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            env={**os.environ, **_CREDENTIALS, **_ray_token(), MARK: mark},
            start_new_session=True,  # a terminal's Ctrl-C is for us
            preexec_fn=die_with_parent,  # noqa: PLW1509 it only asks for a signal
        )  # fmt: skip
        try:
            yield process
            _let_end(process)
        finally:
            family = Family(mark)
            family.members()  # whom it meets now, it knows when they have lost their parents
            _end(process)
            family.kill()


@dataclass(frozen=True, slots=True)
class _Conversation:
    name: str
    process: "subprocess.Popen[bytes]"
    asked: IO[bytes]
    told: IO[bytes]
    said: BinaryIO

    def ask(self, line: bytes, *, seconds: float) -> dict[str, Any]:
        """Send a line and return the answer; a program that does not answer in time is killed."""
        too_late = threading.Timer(seconds, self.process.kill)
        too_late.start()
        try:
            self.asked.write(line)
            self.asked.flush()
            answer = self.told.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            too_late.cancel()
        try:
            told: dict[str, Any] = json.loads(answer)
        except ValueError:
            raise ContestantFailed(f"{self.name} ended without an answer: {self._last_words()}") from None
        return told

    def _last_words(self) -> str:
        self.said.seek(0)
        return self.said.read()[-2000:].decode(errors="replace").strip() or "it said nothing"


@dataclass(frozen=True, slots=True)
class _ReadyProgram:
    version: str
    conversation: _Conversation
    patience_seconds: float

    def go(self) -> Finish:
        done = [float(seconds) for seconds in self.conversation.ask(b"go\n", seconds=self.patience_seconds)["done"]]
        return Finish(done, done)  # each photo was told of at the start


def _let_end(process: "subprocess.Popen[bytes]") -> None:
    """Wait for it: after its answer it ends by itself."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            with suppress(BrokenPipeError):
                stream.close()
