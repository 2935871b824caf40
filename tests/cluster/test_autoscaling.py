"""The whole service on a cluster whose nodes come and go, by Ray's own autoscaler.

The head and the first node have all of Ray's own processes, which those of other tests do without.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from ray._raylet import GcsClient
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID
from ray.autoscaler._private.monitor import BASE_READONLY_CONFIG
from ray.core.generated.gcs_pb2 import GcsNodeInfo
from ray.exceptions import RpcError

from raythumbs.bench.local_service import serve_command
from raythumbs.bench.meter import MARK, Family
from raythumbs.client import Client, RaythumbsError
from raythumbs.cluster.free_port import free_port
from raythumbs.cluster.nodes import SLOT_RESOURCE
from tests.cluster.conftest import eventually
from tests.cluster.quiet_nodes import QuietNodes
from tests.surroundings import FINDS_OUR_RAY, QUICK_RAY

pytestmark = pytest.mark.needs("time")

IDLE_SECONDS = 3
PHOTOS = 1500  # by the first guess of their work enough for two slots, and not done until both are there
NO_TOKEN = {"RAY_AUTH_MODE": "disabled"}  # whatever somebody has left in the home folder


def config(gcs_address: str) -> dict[str, object]:
    """A head that renders nothing, and up to two workers of one slot; all of them on this machine."""
    return {
        **BASE_READONLY_CONFIG,  # it has every field that there must be
        "max_workers": 2,
        "provider": {
            "type": "external",
            "module": f"{QuietNodes.__module__}.{QuietNodes.__name__}",
            "gcs_address": gcs_address,
            "head_node_id": FAKE_HEAD_NODE_ID,
            "launch_multiple": True,
            "disable_node_updaters": True,  # there is nothing to install
        },
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "worker": {
                "resources": {"CPU": 1, SLOT_RESOURCE: 1, "object_store_memory": 100_000_000},
                "node_config": {},
                "min_workers": 0,
                "max_workers": 2,
                "idle_timeout_s": IDLE_SECONDS,
            },
        },
    }


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A Ray with an autoscaler and no node but the head."""
    family = Family(uuid.uuid4().hex)
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    port = free_port()
    (folder / "cluster.json").write_text(json.dumps(config(f"127.0.0.1:{port}")))
    surroundings = {
        **NO_TOKEN,
        **FINDS_OUR_RAY,
        "RAY_TMPDIR": str(folder),
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "AUTOSCALER_METRIC_PORT": str(free_port()),
        MARK: family.mark,
    }
    head = subprocess.Popen(
        [*QUICK_RAY, "start", "--head", "--block", "--num-cpus", "0",
         "--node-ip-address", "127.0.0.1", "--port", str(port), "--dashboard-agent-listen-port", str(free_port()),
         "--temp-dir", str(folder), "--autoscaling-config", str(folder / "cluster.json"),
         "--object-store-memory", "100000000", "--include-dashboard", "false", "--include-log-monitor", "false",
         "--disable-usage-stats"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **surroundings},
    )  # fmt: skip
    try:
        eventually(lambda: nodes_alive(f"127.0.0.1:{port}") == 1, seconds=120, every=0.5)
        yield f"127.0.0.1:{port}"
    finally:
        head.send_signal(signal.SIGTERM)
        head.wait(60)
        family.kill()  # what the autoscaler has left of its nodes
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Service:
    """The service on that Ray, and the folder of its thumbnails."""

    client: Client
    data_dir: Path
    process: "subprocess.Popen[str]"

    def end(self) -> None:
        """End it in order, as a person at the keyboard does."""
        self.process.send_signal(signal.SIGINT)
        _, complained = self.process.communicate(timeout=90)
        assert self.process.returncode == 0, complained


@pytest.fixture(scope="module")
def service(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    port, data_dir = free_port(), tmp_path_factory.mktemp("service")
    settings = {"RAYTHUMBS_MAX_SLOTS": "2", "RAYTHUMBS_ALLOWED_SOURCES": '["file:///"]'}
    process = subprocess.Popen(
        [*serve_command(port, data_dir), "--address", address],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **NO_TOKEN, **settings},
    )  # fmt: skip
    with Client(f"http://127.0.0.1:{port}") as client:
        started = Service(client, data_dir, process)
        try:
            eventually(lambda: serves(client) or process.poll() is not None, seconds=240, every=0.5)
            assert process.poll() is None, process.stderr and process.stderr.read()
            yield started
        finally:
            if process.poll() is None:
                started.end()


def serves(client: Client) -> bool:
    try:
        return client.ready() == {"status": "ready"}
    except RaythumbsError:
        return False


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Tiny photos, which take a while only because they are many."""
    first = tmp_path / "photo-0.jpg"
    Image.effect_noise((96, 64), 60).save(first)
    for number in range(1, PHOTOS):
        (tmp_path / f"photo-{number}.jpg").hardlink_to(first)
    return [f"file://{path}" for path in sorted(tmp_path.iterdir())]


def submit(client: Client, sources: list[str]) -> None:
    for first in range(0, len(sources), 1000):
        client.submit(sources[first : first + 1000])


def busy_nodes(client: Client) -> int:
    return sum(node["busy"] > 0 for node in client.status()["nodes"])


def nodes_alive(address: str) -> int:
    try:
        told = GcsClient(address=address).get_all_node_info(timeout=10)
    except (RpcError, OSError):  # the GCS does not answer yet
        return 0
    return sum(node.state == GcsNodeInfo.ALIVE for node in told.values())


@pytest.mark.timeout(600)  # Ray, nodes and service start on however few cores there are
def test_a_photo_brings_one_node_and_a_backlog_more_that_all_work_and_go_again(
    address: str, service: Service, sources: list[str]
):
    client = service.client
    assert client.status()["maxWorkers"] == 0
    seen = set()

    def is_alone_again() -> bool:
        seen.add(nodes_alive(address))
        status = client.status()
        return status["states"]["succeeded"] == 1 and status["nodes"] == []

    submit(client, sources[:1])
    eventually(is_alone_again, seconds=120, every=0.5)
    assert max(seen) == 2  # the head and one, where there could be two

    submit(client, sources[1:])

    eventually(lambda: busy_nodes(client) == 2, seconds=120, every=0.5)
    assert client.status()["maxWorkers"] == 2
    eventually(lambda: client.status()["states"]["succeeded"] == PHOTOS, seconds=180)
    eventually(lambda: client.status()["nodes"] == [], every=0.5)
    assert len(list(service.data_dir.rglob("thumbnail.jpg"))) == PHOTOS


@pytest.mark.timeout(600)
def test_a_service_that_ends_before_its_backlog_keeps_no_node(address: str, service: Service, sources: list[str]):
    client = service.client
    submit(client, sources)
    eventually(lambda: busy_nodes(client) > 0, seconds=120, every=0.5)
    assert nodes_alive(address) > 1
    assert client.status()["queueSize"] > 0

    service.end()

    eventually(lambda: nodes_alive(address) == 1, every=0.5)  # the head
