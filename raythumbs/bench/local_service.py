"""A service that a benchmark or a test starts for itself: `raythumbs serve` in a process, and a client to it."""

import ctypes
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from raythumbs.bench.meter import MARK, Family
from raythumbs.client import Client, Refused, Unreachable
from raythumbs.cluster.free_port import free_port
from raythumbs.errors import NotStarted

_START_SECONDS = 180
_STOP_SECONDS = 90
_POLL_SECONDS = 1  # to ask costs CPU, which the workers need to come up
_LOG_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs: a client to it, its processes, and the seconds from its start until /readyz answered."""

    client: Client
    family: Family
    ready_seconds: float


# How a benchmark gets a service with this environment.
Start = Callable[[Mapping[str, str]], AbstractContextManager[Service]]


@contextmanager
def scratch_service(environment: Mapping[str, str]) -> Iterator[Service]:
    """Run a service with a new SQLite database and, unless the environment names another, a new store; its workers are
    up. At the end nothing of it is left."""
    family = Family(secrets.token_hex(8))
    with tempfile.TemporaryDirectory(prefix="rt-bench-") as folder:
        defaults = {
            "RAYTHUMBS_STORE": f"file://{folder}/store",
            "RAYTHUMBS_DATABASE": f"sqlite:///{folder}/raythumbs.db",
            MARK: family.mark,
        }
        began = time.monotonic()
        try:
            with local_service(Path(folder), environment=defaults | dict(environment)) as client:
                ready_seconds = time.monotonic() - began
                await_workers(client)
                yield Service(client, family, ready_seconds)
        finally:
            family.kill()


@contextmanager
def local_service(data_dir: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Start a service on its embedded defaults in a folder and on a free port. Raises NotStarted.

    At the end it is stopped, which may take as long as its drain; if this process is killed, the service stops itself.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), data_dir / "serve.log"
    process = start_service(port, data_dir, log=log, environment=environment or {})
    try:
        with Client(f"http://127.0.0.1:{port}") as client:
            await_ready(client, log, process)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start_service(port: int, data_dir: Path, *, log: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start the service's process; it appends to the log what it prints."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 our own program, by our own interpreter
            serve_command(port, data_dir),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**_surroundings(), **environment},
            start_new_session=True,  # a terminal's Ctrl-C is for us; we stop the service in order
            preexec_fn=die_with_parent,  # noqa: PLW1509 it only asks for a signal
        )  # fmt: skip


def _surroundings() -> dict[str, str]:
    """Return this process's environment without what would open the service to other machines, or ask for a key."""
    return {name: value for name, value in os.environ.items() if name not in {"RAYTHUMBS_HOST", "RAYTHUMBS_API_KEYS"}}


def serve_command(port: int, data_dir: Path) -> list[str]:
    """Return the command that starts the service."""
    return [sys.executable, "-m", "raythumbs", "serve", "--port", str(port), "--data-dir", str(data_dir)]


def await_ready(client: Client, log: Path, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Wait until the service is ready. Raises NotStarted if it takes too long, or when its process has ended."""

    def is_ready() -> bool:
        try:
            return bool(client.ready())
        except (Unreachable, Refused) as error:
            if process and process.poll() is not None:
                raise NotStarted(f"the service ended ({error.reason}); it printed:\n{_end(log)}") from error
            return False

    if not wait_until(is_ready, seconds=_START_SECONDS, every_seconds=0.1):
        raise NotStarted(f"the service is not ready; it printed:\n{_end(log)}")


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-_LOG_CHARACTERS:]


def await_workers(client: Client) -> None:
    """Wait until the workers are up: a service is started once, and takes photos for months."""
    while client.status()["processing"]:
        time.sleep(_POLL_SECONDS)


def wait_until(is_met: Callable[[], bool], *, seconds: float, every_seconds: float = 0.05) -> bool:
    """Wait until a condition is met; return whether it was met in time."""
    until = time.monotonic() + seconds
    while not is_met():
        if time.monotonic() > until:
            return False
        time.sleep(every_seconds)
    return True


def s3_environment(endpoint: str) -> dict[str, str]:
    """Return what a program needs to reach an S3 server that accepts any credentials."""
    keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"}
    return {"AWS_ENDPOINT_URL_S3": endpoint, **keys}


@contextmanager
def orderly_end() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does, so that what was started is stopped."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def die_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent dies (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
