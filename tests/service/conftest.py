"""The service as its users meet it: its commands, HTTP, and real photographs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
import pytest
from PIL import Image

from raythumbs.bench.local_service import local_service
from raythumbs.client import Client, RaythumbsError
from raythumbs.cluster.free_port import free_port
from tests.imaging.pictures import photograph
from tests.surroundings import FINDS_OUR_RAY, QUIET_RAY

MARK = "_RAYTHUMBS_TEST_FAMILY"  # an environment variable that all processes of one start inherit
COMMANDS = Path(sysconfig.get_path("scripts"))


class Photographs(dict[str, Path]):
    """Photographs by their names. Each is made when it is first asked for: that takes seconds, and most tests ask for
    one."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, name: str) -> Path:
        self[name] = path = _camera_sized(photograph(name), self._folder / f"{name}.jpg")
        return path


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Photographs:
    """Real photographs, scaled to a camera's size, with grain."""
    return Photographs(tmp_path_factory.mktemp("photographs"))


def _camera_sized(small: Image.Image, path: Path) -> Path:
    scale = 3000 / max(small.size)
    large = small.resize((round(small.width * scale), round(small.height * scale)), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(1).normal(0, 6, (large.height, large.width, 1))
    grained = np.clip(np.asarray(large, dtype=np.float32) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(grained).save(path, "JPEG", quality=88)
    return path


class Family:
    """The processes of one start, found by what they inherited."""

    def __init__(self) -> None:
        self.name = uuid.uuid4().hex
        self.environment = {MARK: self.name}

    def members(self, titled: str = "") -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if titled in _title(one) and self._is_member(one)]

    def is_of_others(self, folder: Path) -> bool:
        """Return whether a process of another start uses the folder. Each folder's sweeper has it in its title."""
        users = [one for one in psutil.process_iter() if str(folder) in _title(one)]
        return bool(users) and not any(self._is_member(one) for one in users)

    def _is_member(self, process: psutil.Process | None) -> bool:
        try:
            # Ray's workers overwrite their titles, and with them the head of /proc/PID/environ: ask their parents too.
            while process:
                if process.environ().get(MARK) == self.name:
                    return True
                process = process.parent()
        except psutil.Error:
            pass
        return False


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture
def family() -> Family:
    return Family()


def left_behind(before: set[Path], family: Family) -> set[Path]:
    """The folders of Ray that came since, are still there, and are no other test's."""
    return {folder for folder in ray_folders() - before if not family.is_of_others(folder)}


def ray_folders() -> set[Path]:
    return set(Path("/tmp").glob("raythumbs.*"))


def eventually(met: Callable[[], object], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)  # to ask costs CPU, which the service needs to come so far


def ended(client: Client, job_id: str, *, seconds: float = 60) -> dict[str, Any]:
    """Wait until a job has ended; return it."""
    eventually(lambda: client.job(job_id)["state"] not in {"queued", "running"}, seconds=seconds)
    return client.job(job_id)


def opened(file: bytes) -> Image.Image:
    picture = Image.open(BytesIO(file))
    picture.load()
    return picture


def raythumbs(
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    process_group: int | None = None,
    output: int | IO[bytes] = subprocess.PIPE,
    errors: int | IO[bytes] = subprocess.PIPE,
) -> "subprocess.Popen[str]":
    """Start a command of ours, as a person would. A `process_group` of 0 is one of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "raythumbs", *map(str, arguments)],
        stdout=output,
        stderr=errors,
        text=True,
        env={**os.environ, **(environment or {})},
        process_group=process_group,
    )


def finished(process: "subprocess.Popen[str]", *, seconds: float = 120) -> tuple[int, str, str]:
    """Wait for a command; return its status and what it said."""
    said, complained = process.communicate(timeout=seconds)
    return process.returncode, said, complained


def is_ready(client: Client) -> bool:
    with suppress(RaythumbsError):
        return client.ready() == {"status": "ready"}
    return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# What a Ray starts beside, 2 s of CPU each: the autoscaler, and what hands the logs on to programs that join.
WITHOUT_AUTOSCALER = ("--no-monitor",)
WITHOUT_LOGS = ("--include-log-monitor", "false")
# For a service whose photos need not be rendered at the same time: a process that renders takes 2 s of CPU to start.
ONE_SLOT = {"RAYTHUMBS_MAX_WORKERS_PER_NODE": "1"}
# A Ray that several commands join, one after the other, would start a worker for every CPU as each comes, and end those
# of the one before. A worker takes seconds of CPU until it is up. What the service does is the same without.
FEW_WORKERS = {"RAY_prestart_worker_first_driver": "0", "RAY_kill_idle_workers_interval_ms": "600000"}


@contextmanager
def running_ray(surroundings: Mapping[str, str], *options: str) -> Iterator[str]:
    """Start a Ray of two CPUs as its administrator would, with options; give its address. What is started meanwhile has
    the same surroundings."""
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    port = free_port()
    numbers = ("--port", str(port), "--num-cpus", "2", "--dashboard-agent-listen-port", str(free_port()))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in surroundings.items():
            environment.setenv(name, value)
        running = subprocess.Popen(
            [*QUIET_RAY, "start", "--head", "--block", "--node-ip-address", "127.0.0.1", *numbers,
             "--temp-dir", str(folder), "--include-dashboard", "false", "--disable-usage-stats",
             "--object-store-memory", "100000000", *WITHOUT_AUTOSCALER, *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **FINDS_OUR_RAY, **FEW_WORKERS, "RAY_TMPDIR": str(folder),
                 "RAY_gcs_rpc_server_reconnect_timeout_s": "3"},
        )  # fmt: skip
        try:
            eventually(lambda: listens(port))
            yield f"127.0.0.1:{port}"
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            running.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service on its embedded defaults, with small limits, where pandas is installed."""
    limits = {"RAYTHUMBS_MAX_UPLOAD_BYTES": "20000000", "RAYTHUMBS_MAX_PHOTO_BYTES": "10000000"}
    with local_service(tmp_path_factory.mktemp("service"), environment=limits | {"PYTHONPATH": ""}) as client:
        yield client


@pytest.fixture(scope="session")
def run(s3_endpoint: str, postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service on S3 and PostgreSQL, with secrets: see on_s3.py."""
    from tests.service.on_s3 import a_run, client_of  # which uses this file

    with a_run(tmp_path_factory.mktemp("s3"), s3_endpoint, postgresql) as run:
        with client_of(run) as client:
            eventually(lambda: is_ready(client), seconds=120)
        yield run
