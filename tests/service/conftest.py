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
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from raythumbs.bench.local_service import local_service
from raythumbs.client import Client
from raythumbs.cluster.free_port import free_port
from tests.imaging.pictures import photograph

MARK = "_RAYTHUMBS_TEST_FAMILY"  # an environment variable that all processes of one start inherit
COMMANDS = Path(sysconfig.get_path("scripts"))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Real photographs, scaled to a camera's size, with grain."""
    folder = tmp_path_factory.mktemp("photographs")
    taken = {
        "astronaut": "skimage/astronaut.png",
        "coffee": "skimage/coffee.png",
        "cat": "skimage/chelsea.png",
        "temple": "sklearn/china.jpg",
        "flower": "sklearn/flower.jpg",
    }
    return {name: _camera_sized(photograph(file), folder / f"{name}.jpg") for name, file in taken.items()}


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
        return [one for one in psutil.process_iter() if self._is_member(one) and titled in _title(one)]

    def is_of_others(self, folder: Path) -> bool:
        """Return whether a process of another start uses the folder. Each folder's sweeper has it in its title."""
        users = [one for one in psutil.process_iter() if str(folder) in _title(one)]
        return bool(users) and not any(self._is_member(one) for one in users)

    def _is_member(self, process: psutil.Process) -> bool:
        try:
            # Ray's workers overwrite their titles, and with them the head of /proc/PID/environ: ask their parents too.
            lineage = [process, *process.parents()]
            return any(one.environ().get(MARK) == self.name for one in lineage)
        except psutil.Error:
            return False


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture
def family() -> Family:
    return Family()


@pytest.fixture
def left_behind(family: Family) -> Callable[[], set[Path]]:
    """Return a function that finds the folders of Ray that came since, are still there, and are no other test's."""
    before = ray_folders()
    return lambda: {folder for folder in ray_folders() - before if not family.is_of_others(folder)}


def ray_folders() -> set[Path]:
    return set(Path("/tmp").glob("raythumbs.*"))


def eventually(met: Callable[[], object], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def ended(client: Client, job_id: str, *, seconds: float = 60) -> dict[str, Any]:
    """Wait until a job has ended; return it."""
    eventually(lambda: client.job(job_id)["state"] not in {"queued", "running"}, seconds=seconds)
    return client.job(job_id)


def opened(file: bytes) -> Image.Image:
    picture = Image.open(BytesIO(file))
    picture.load()
    return picture


def raythumbs(
    *arguments: object, environment: Mapping[str, str] | None = None, process_group: int | None = None
) -> "subprocess.Popen[str]":
    """Start a command of ours, as a person would. A `process_group` of 0 is one of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "raythumbs", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        process_group=process_group,
    )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running_ray(surroundings: Mapping[str, str]) -> Iterator[str]:
    """Start a Ray of two CPUs as its administrator would; give its address. What is started meanwhile has the same
    surroundings."""
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    port = free_port()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in surroundings.items():
            environment.setenv(name, value)
        running = subprocess.Popen(
            [COMMANDS / "ray", "start", "--head", "--block", "--port", str(port), "--node-ip-address", "127.0.0.1",
             "--num-cpus", "2", "--temp-dir", str(folder), "--include-dashboard", "false", "--disable-usage-stats",
             "--dashboard-agent-listen-port", str(free_port()), "--object-store-memory", "100000000"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "RAY_TMPDIR": str(folder), "RAY_gcs_rpc_server_reconnect_timeout_s": "3"},
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
    """A service on its embedded defaults, with small limits."""
    limits = {"RAYTHUMBS_MAX_UPLOAD_BYTES": "20000000", "RAYTHUMBS_MAX_PHOTO_BYTES": "10000000"}
    with local_service(tmp_path_factory.mktemp("service"), environment=limits) as client:
        yield client
