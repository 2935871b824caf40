"""A service of one's own, as its user starts it: `raythumbs serve` in a process, and a client to it."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from raythumbs.client import Client, Refused, Unreachable
from raythumbs.errors import NotStarted

_START_SECONDS = 120
_STOP_SECONDS = 90
_POLL_SECONDS = 1  # to ask costs CPU, which the workers need to come up


@contextmanager
def local_service(data_dir: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Start a service on its embedded defaults in a folder and on a free port.

    It is stopped at the end, and that is waited for; if this process is killed, the service stops by itself.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = data_dir / "serve.log"
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 our own program, by our own interpreter
            serve_command(port, data_dir),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # a terminal's Ctrl-C is for us; we stop the service in order
            preexec_fn=_stopped_with_its_parent,  # noqa: PLW1509 there are no threads yet
        )
    try:
        with Client(f"http://127.0.0.1:{port}") as client:
            _await_ready(client, process, log)
            yield client
    finally:
        _stop(process)


def await_workers(client: Client) -> None:
    """Wait until the workers are up: a service is started once, and takes photos for months."""
    while client.status()["processing"]:
        time.sleep(_POLL_SECONDS)


def serve_command(port: int, data_dir: Path) -> list[str]:
    """Return the command that starts the service."""
    return [sys.executable, "-m", "raythumbs", "serve", "--port", str(port), "--data-dir", str(data_dir)]


@contextmanager
def orderly_end() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does, so that what was started is stopped."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stopped_with_its_parent() -> None:
    """Ask for a SIGTERM when the parent dies (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(client: Client, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.ready()
        except (Unreachable, Refused) as error:
            if process.poll() is not None or time.monotonic() > until:
                tail = log.read_text(errors="replace")[-2000:]
                raise NotStarted(f"the service did not start ({error.reason}); it said:\n{tail}") from error
        else:
            return
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
