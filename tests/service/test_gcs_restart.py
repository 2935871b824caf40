"""A head whose GCS is killed, and that is started again on the same storage (GCS fault tolerance with RocksDB)."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from raythumbs.client import Client
from raythumbs.cluster.environment import _our_haproxy
from raythumbs.cluster.free_port import free_port
from tests.service.conftest import (
    COMMANDS,
    FEW_WORKERS,
    ONE_SLOT,
    WITHOUT_AUTOSCALER,
    WITHOUT_LOGS,
    Family,
    ended,
    eventually,
    is_ready,
)
from tests.surroundings import FINDS_OUR_RAY, QUIET_RAY

pytestmark = pytest.mark.needs("time")


class Head:
    """The head node of a Ray that keeps what the GCS knows in RocksDB, started as by systemd: `ray start --block`."""

    def __init__(self, folder: Path, family: Family) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._family = family
        self._log = folder / "start.log"
        self._environment = {
            **os.environ, **FINDS_OUR_RAY, **family.environment, **FEW_WORKERS, **ONE_SLOT,
            "RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(folder / "gcs"),
            "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64,
            "RAY_TMPDIR": str(folder), "RAY_ADDRESS": self.address, "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
            **haproxy(folder),
        }  # fmt: skip
        self._start = [
            *QUIET_RAY, "start", "--head", "--block", "--node-ip-address", "127.0.0.1",
            "--port", self.address.split(":")[1], "--dashboard-agent-listen-port", str(free_port()),
            "--metrics-export-port", str(free_port()), "--min-worker-port", "0", "--max-worker-port", "0",
            "--num-cpus", "2", "--resources", '{"thumb_slot": 2}', "--temp-dir", str(folder),
            "--include-dashboard", "false", "--disable-usage-stats", "--object-store-memory", "100000000",
            *WITHOUT_AUTOSCALER, *WITHOUT_LOGS,
        ]  # fmt: skip

    def start(self) -> None:
        """Start it as systemd would, which starts it again if it fails (Ray gives its raylet 30 s to come up)."""
        for _ in range(3):
            if self._is_started():
                return
        raise AssertionError(self._log.read_text())

    def _is_started(self) -> bool:
        with self._log.open("wb") as said:
            self._running = subprocess.Popen(
                self._start, env=self._environment, stdout=said, stderr=said, start_new_session=True
            )
        eventually(lambda: self._has_said("Ray runtime started") or self._running.poll() is not None, seconds=180)
        return self._has_said("Ray runtime started")

    def _has_said(self, words: str) -> bool:
        return words in self._log.read_text()

    def run(self, *command: object, **settings: object) -> None:
        words = [str(word) for word in command]
        environment = self._environment | {name: str(value) for name, value in settings.items()}
        told = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr

    def kill_gcs(self) -> None:
        (gcs,) = self._family.members("gcs/gcs_server")
        gcs.kill()

    def await_end(self) -> int:
        return self._running.wait(60)

    def end(self) -> None:
        self._running.send_signal(signal.SIGTERM)
        self.await_end()
        eventually(lambda: not self._family.members())


def haproxy(folder: Path) -> dict[str, str]:
    """HAProxy as on a cluster, with ports and files of its own."""
    ports = ("HAPROXY_METRICS_PORT", "HAPROXY_STATS_PORT", "FALLBACK_PROXY_HTTP_PORT")
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(_our_haproxy(folder)),  # else it outlives its Ray, and holds the port
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        **{f"RAY_SERVE_{name}": str(free_port()) for name in ports},
    }


@pytest.fixture
def head(family: Family) -> Iterator[Head]:
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))  # short, for the paths of sockets
    head = Head(folder, family)
    head.start()
    yield head
    head.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_head_that_is_started_again_on_its_storage_serves_without_a_deploy_and_loses_no_photo(
    head, tmp_path, photographs
):
    port = free_port()
    deploy = ("up", "--address", head.address, "--port", port)
    head.run(COMMANDS / "raythumbs", *deploy, RAYTHUMBS_DATA_DIR=tmp_path, RAYTHUMBS_ALLOWED_SOURCES='["file:///"]')
    with Client(f"http://127.0.0.1:{port}") as client:
        eventually(lambda: is_ready(client))
        accepted = client.submit([f"file://{copy}" for copy in copies(photographs["cat"], 60, tmp_path)])
        eventually(lambda: client.status()["states"]["succeeded"])
        assert client.status()["states"]["queued"]

        head.kill_gcs()
        assert head.await_end() != 0  # as systemd's Restart=on-failure wants it
        head.start()

        eventually(lambda: is_ready(client), seconds=120)
        assert {ended(client, job["jobId"])["state"] for job in accepted} == {"succeeded"}
        (uploaded,) = client.upload([photographs["cat"]])
        assert ended(client, uploaded["jobId"])["state"] == "succeeded"


def copies(photo: Path, count: int, folder: Path) -> list[Path]:
    """Names for the same photo, which are as many photos."""
    names = [folder / f"photo-{number}.jpg" for number in range(count)]
    for name in names:
        name.hardlink_to(photo)
    return names
