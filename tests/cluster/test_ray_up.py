"""`ray up` for real, with the files of the manual on own machines: two machines, a PostgreSQL, an S3 server."""

import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from raythumbs import __version__
from raythumbs.bench.pictures import draw_photo
from raythumbs.bench.servers import postgresql_server, s3_server
from raythumbs.client import Client, RaythumbsError
from raythumbs.model.access import digest_of
from tests.cluster.conftest import eventually
from tests.cluster.hosts import HOUSE, Network, network
from tests.surroundings import WITHOUT_PANDAS

KEY = "rt_the-key-of-the-app-on-the-machines"
ONE_SLOT = "RAYTHUMBS_MAX_WORKERS_PER_NODE=1\n"  # two nodes are what is tested; each slot's process takes long to start
OLDER = "/tmp/home/older"  # on a machine
FEW_WORKERS = "RAY_prestart_worker_first_driver=0"  # else each command that joins starts some that it does not need
# For how long a node waits for its head, in seconds. One that waits still when a new head has the address asks that one
# a thousand times a second, and is refused, until the autoscaler ends it: 30 s of CPU.
SHORT_PATIENCE = "RAY_gcs_rpc_server_reconnect_timeout_s=3"

pytestmark = [pytest.mark.needs("machines", "time"), pytest.mark.timeout(900)]


@dataclass
class RayUp:
    """Two machines, and the folder with the files that the manual shows, changed to their addresses."""

    network: Network
    client: Client

    def up(self) -> "subprocess.Popen[str]":
        return self.network.begin("ray", "up", "-y", "cluster.yaml", environment=self.surroundings)

    def run(self, *command: object) -> str:
        return self.network.run(*command, environment=self.surroundings)

    @property
    def surroundings(self) -> dict[str, str]:
        return {
            "RAY_UP_enable_autoscaler_v2": "0",
            "RAY_TMPDIR": str(self.network.folder),
            "TMPDIR": str(self.network.folder),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": WITHOUT_PANDAS,
        }

    def nodes(self) -> list[dict]:
        try:
            return [node for node in self.client.status()["nodes"] if node["slots"]]
        except RaythumbsError:
            return []

    def ended(self, job_ids: list[str]) -> set[str]:
        def state(job_id: str) -> str:
            return str(self.client.job(job_id)["state"])

        for job_id in job_ids:  # one after the other: to ask costs the head the CPU that it renders with
            eventually(lambda job_id=job_id: state(job_id) not in {"queued", "running"}, seconds=240, every=0.3)
        return set(map(state, job_ids))


@pytest.fixture(scope="module")
def ray_up(aws_credentials: None) -> Iterator[RayUp]:
    with (
        network(hosts=2) as machines,
        postgresql_server("-c fsync=off", host=machines.gateway) as postgresql,
        s3_server(machines.gateway) as s3,
        Client(f"http://{machines.hosts[0].address}:8000", api_key=KEY) as client,
    ):
        bucket = boto3.client("s3", endpoint_url=s3, region_name="us-east-1")
        bucket.create_bucket(Bucket="photos")
        bucket.close()
        head, worker = (host.address for host in machines.hosts)
        ours = {
            "192.0.2.10": head,
            "[192.0.2.11, 192.0.2.12]": f"[{worker}]",
            "ubuntu": "root",
            "postgresql://raythumbs:secret@192.0.2.5/raythumbs": postgresql.address,
            "http://192.0.2.5:9000": s3,
            "0" * 64: digest_of(KEY),
            # The machines have what pip would look for, and nobody reads what is logged or shown.
            "pip install -q --find-links": "pip install -q --no-deps --find-links",
            "--dashboard-host=127.0.0.1": "--dashboard-host=127.0.0.1 --include-dashboard=false",
            "--object-store-memory=200000000": "--object-store-memory=200000000 --include-log-monitor=false",
        }
        folder = machines.folder
        (folder / "raythumbs.env").write_text(shown("sh", "RAYTHUMBS_DATABASE=", ours) + ONE_SLOT)
        (folder / "credentials").write_text(shown("ini", "[default]", ours))
        (folder / "cluster.yaml").write_text(shown("yaml", "cluster_name:", ours))
        (folder / "dist").mkdir()  # the machines have the package already
        (folder / ".ray").mkdir()
        (folder / ".ray" / "auth_token").write_text(secrets.token_hex(32))
        for host in machines.hosts:
            (host.home / ".bashrc").write_text(
                f"export PYTHONPATH={OLDER}:{WITHOUT_PANDAS} {FEW_WORKERS} {SHORT_PATIENCE}\n"
            )
        with_older_version(machines.hosts[1].home)
        yield RayUp(machines, client)


def with_older_version(home: Path) -> None:
    """Give a machine another version than the others have, as after an installation that failed."""
    shutil.copytree(HOUSE / "raythumbs", home / "older" / "raythumbs")
    (home / "older" / "raythumbs" / "__init__.py").write_text('__version__ = "0.0.9"\n')


def shown(language: str, beginning: str, ours: dict[str, str]) -> str:
    """Return the manual's block that begins so, with our addresses in place of the manual's."""
    page = (HOUSE / "raythumbs" / "manual" / "own-machines.md").read_text()
    (block,) = re.findall(rf"```{language}\n({re.escape(beginning)}.*?)```", page, re.DOTALL)
    for theirs, here in ours.items():
        block = block.replace(theirs, here)
    assert "192.0.2." not in block
    return block


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    drawn = draw_photo(1, size_mb=2)
    paths = [folder / f"photo-{number}.jpg" for number in range(30)]
    for path in paths:
        path.write_bytes(drawn)
    return paths


def test_a_ray_up_that_was_killed_half_way_is_run_again_and_ends_well(ray_up: RayUp):
    head = ray_up.network.hosts[0]
    first = ray_up.up()
    eventually(lambda: head.processes("gcs_server"), seconds=120, every=0.5)
    first.kill()
    first.communicate()

    again = ray_up.up()
    said, _ = again.communicate(timeout=300)

    assert again.returncode == 0, said
    assert f"raythumbs answers at {ray_up.client.url}" in said
    assert ray_up.client.ready() == {"status": "ready"}
    eventually(lambda: len(ray_up.client.status()["nodes"]) == 2, seconds=180, every=0.5)


def test_a_node_with_another_version_gets_no_photo_and_is_named(ray_up: RayUp, photos: list[Path]):
    eventually(lambda: [node for node in ray_up.client.status()["nodes"] if node["trouble"]], every=0.5)

    jobs = [job["jobId"] for job in ray_up.client.upload(photos[:6])]

    assert ray_up.ended(jobs) == {"succeeded"}
    assert {ray_up.client.job(job)["attempt"] for job in jobs} == {1}
    (other,) = [node for node in ray_up.client.status()["nodes"] if node["trouble"]]
    assert other["slots"] == 0
    assert other["trouble"].startswith(f"{ray_up.network.hosts[1].address}: ")
    assert f"raythumbs 0.0.9 is there, {__version__} is wanted" in other["trouble"]


def test_ray_up_again_takes_in_the_node_that_was_mended(ray_up: RayUp):
    shutil.rmtree(ray_up.network.hosts[1].home / "older")

    ray_up.run("ray", "up", "-y", "cluster.yaml")

    eventually(lambda: len(ray_up.nodes()) == 2, seconds=180, every=0.5)


def paid(ray_up: RayUp, jobs: list[str]) -> set[tuple[int, int, int]]:
    """What went wrong with the photos on their way: errors, timeouts, crashes."""
    ended = [ray_up.client.job(job) for job in jobs]
    return {(job["errors"], job["timeouts"], job["crashes"]) for job in ended}


def test_photos_sent_to_the_head_are_rendered_on_every_node(ray_up: RayUp, photos: list[Path]):
    jobs = [job["jobId"] for job in ray_up.client.upload(photos)]
    at_work: set[str] = set()

    def all_seen() -> bool:
        at_work.update(node["node"] for node in ray_up.nodes() if node["busy"])
        return len(at_work) == 2

    eventually(all_seen)
    assert ray_up.ended(jobs) == {"succeeded"}
    assert paid(ray_up, jobs) == {(0, 0, 0)}  # each node that worked rendered what it had
    thumbnail = ray_up.client.photo(ray_up.client.job(jobs[0])["photoId"])["renditions"][0]
    assert max(thumbnail["width"], thumbnail["height"]) == 300


def test_the_cluster_lets_nobody_in_without_its_token_and_a_machine_with_another_one_says_why(ray_up: RayUp):
    head = ray_up.network.hosts[0]

    stranger = ray_up.network.begin(
        "ray", "start", "--address", f"{head.address}:6379", "--block",
        environment={"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64, "RAY_TMPDIR": str(ray_up.network.folder)},
    )  # fmt: skip
    said, _ = stranger.communicate(timeout=120)

    assert stranger.returncode
    assert "token" in said
    assert len(ray_up.nodes()) == 2


def test_where_it_is_wanted_every_node_answers_http(ray_up: RayUp, photos: list[Path]):
    asked = "set -a; . ~/raythumbs.env; RAYTHUMBS_INGRESS_NODES=all; RAYTHUMBS_INGRESS_REPLICAS=2"

    # The second replaces each in place.
    ray_up.run("ray", "exec", "cluster.yaml", f"{asked}; raythumbs up && RAYTHUMBS_MAX_ERRORS=14 raythumbs up")

    for host in ray_up.network.hosts:
        with Client(f"http://{host.address}:8000", api_key=KEY) as door:
            eventually(lambda door=door: answers(door), every=0.5)
            jobs = [job["jobId"] for job in door.upload(photos[:2])]
            assert ray_up.ended(jobs) == {"succeeded"}


def answers(door: Client) -> bool:
    try:
        return bool(door.ready() == {"status": "ready"})
    except RaythumbsError:
        return False


def test_a_node_that_is_lost_costs_no_photo_an_attempt(ray_up: RayUp, photos: list[Path]):
    jobs = [job["jobId"] for job in ray_up.client.upload(photos)]
    eventually(lambda: all(node["busy"] for node in ray_up.nodes()))

    ray_up.network.hosts[1].lose_power()

    assert ray_up.ended(jobs) == {"succeeded"}
    assert paid(ray_up, jobs) == {(0, 0, 0)}
    eventually(lambda: len(ray_up.nodes()) == 1)


def test_ray_down_ends_all_of_it(ray_up: RayUp):
    ray_up.run("ray", "down", "-y", "cluster.yaml")

    eventually(lambda: not [one for host in ray_up.network.hosts for one in host.processes("raylet")], every=0.5)
    with pytest.raises(RaythumbsError):
        ray_up.client.ready()
