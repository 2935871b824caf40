"""Other programs that take part in a benchmark: each answers requests on its standard input, by lines of JSON."""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from raythumbs.bench.local_service import die_with_parent
from raythumbs.bench.report import BenchFailed

_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Program:
    """A program that runs."""

    name: str
    process: "subprocess.Popen[bytes]"
    requests: IO[bytes]
    answers: IO[bytes]
    errors: BinaryIO

    def ask(self, request: bytes, *, seconds: float) -> dict[str, Any]:
        """Send a request and return the answer, a line of JSON; kill a program that does not answer in time.

        Raises BenchFailed with the last errors that it printed."""
        too_late = threading.Timer(seconds, self.process.kill)
        too_late.start()
        try:
            self.requests.write(request)
            self.requests.flush()
            answer = self.answers.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            too_late.cancel()
        try:
            parsed: dict[str, Any] = json.loads(answer)
        except ValueError:
            raise BenchFailed(f"{self.name} ended without an answer: {self._last_errors()}") from None
        return parsed

    def _last_errors(self) -> str:
        self.errors.seek(0)
        return self.errors.read()[-2000:].decode(errors="replace").strip() or "it printed no error"


@contextmanager
def running(name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Start a program; at the end close its input, on which it ends by itself, and else end it."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 a benchmark's own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # a terminal's Ctrl-C is for us
            preexec_fn=die_with_parent,  # noqa: PLW1509 it only asks for a signal
        )  # fmt: skip
        assert process.stdin  # noqa: S101 asked for above
        assert process.stdout  # noqa: S101 asked for above
        try:
            yield Program(name, process, process.stdin, process.stdout, errors)
            _close(process.stdin)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
            process.kill()
            process.wait()
            _close(process.stdin)
            process.stdout.close()


def _close(stream: IO[bytes]) -> None:
    with suppress(BrokenPipeError):
        stream.close()
