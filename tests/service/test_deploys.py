"""`raythumbs up` on a Ray that runs, with the state that a cluster has: an S3 server and a PostgreSQL."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
import pytest
from PIL import Image
from sqlalchemy import create_engine, text

from raythumbs.client import Client
from raythumbs.cluster.environment import for_cluster
from raythumbs.cluster.free_port import free_port
from raythumbs.db.migrating import migrate
from tests.conftest import new_bucket, new_database
from tests.service.conftest import ONE_SLOT, WITHOUT_LOGS, Family, ended, eventually, raythumbs, running_ray
from tests.service.hammer import Hammer

pytestmark = pytest.mark.needs("time")

TOKEN = "0123456789abcdef" * 4
FAMILY = Family()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A Ray that was started with what `raythumbs env` prints, on ports of its own, and asks for a token."""
    with pytest.MonkeyPatch.context() as environment:
        home = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # short: HAProxy's sockets
        environment.setenv("HOME", str(home))
        ports = ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT", "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT")
        told = for_cluster() | {"RAY_AUTH_TOKEN": TOKEN} | {name: str(free_port()) for name in ports}
        with running_ray(told | FAMILY.environment, *WITHOUT_LOGS) as address:
            yield address
        shutil.rmtree(home)


@dataclass(frozen=True)
class Deployment:
    """The service as it was deployed, on whose record the first version had worked."""

    address: str
    port: int
    bucket: str
    where: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self, **settings: str) -> "subprocess.Popen[str]":
        """Deploy, with settings beside those that say where things are."""
        command = ("up", "--address", self.address, "--port", self.port)
        return raythumbs(*command, environment={**self.where, **settings})


@pytest.fixture(scope="module")
def deployed(address: str, s3_endpoint: str, postgresql: str) -> Iterator[Deployment]:
    bucket, database = new_bucket(s3_endpoint), new_database(postgresql)
    leave_record_of_first_version(database, s3_endpoint, bucket)
    where = {
        "AWS_ENDPOINT_URL_S3": s3_endpoint,
        "AWS_REGION": "us-east-1",
        "RAYTHUMBS_STORE": f"s3://{bucket}",
        "RAYTHUMBS_DATABASE": database,
        **ONE_SLOT,
    }
    deployment = Deployment(address, free_port(), bucket, where)
    status, said, complained = told(deployment.up())
    assert (status, f"raythumbs answers at {deployment.url}" in said) == (0, True), complained
    yield deployment
    down = told(raythumbs("down", "--address", address))
    assert down[0] == 0, down


def leave_record_of_first_version(database: str, s3_endpoint: str, bucket: str) -> None:
    """Leave a photo that waits and one that was at work, in the tables of the first version."""
    s3 = boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1")
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    photo = "INSERT INTO photos (id, source, created_at) VALUES (:id, :source, 1)"
    job = "INSERT INTO jobs (id, photo_id, state, priority, created_at, due_at) VALUES (:id, :id, :state, 1, 1, 1)"
    with engine.begin() as connection:
        migrate(connection, "0001")
        for state in ("queued", "running"):
            s3.put_object(Bucket=bucket, Key=f"{state}.jpg", Body=a_photo())
            connection.execute(text(photo), {"id": state, "source": f"s3://{bucket}/{state}.jpg"})
            connection.execute(text(job), {"id": state, "state": state})
    engine.dispose()
    s3.close()


def told(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for a command; return its status and what it said."""
    out, complained = process.communicate(timeout=120)
    return process.returncode, out, complained


def pids(title: str) -> set[int]:
    return {process.pid for process in FAMILY.members(title) if lives(process)}


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it ends at this moment
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def running() -> tuple[set[int], set[int]]:
    return pids("ray::ThumbnailQueue"), pids("ray::ServeReplica:raythumbs:ingress")


def a_photo() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def test_a_deploy_migrates_the_record_of_the_first_version_whose_photos_go_on(deployed: Deployment):
    with Client(deployed.url) as service:
        assert {ended(service, job)["state"] for job in ("queued", "running")} == {"succeeded"}
        assert [len(service.photo(photo)["renditions"]) for photo in ("queued", "running")] == [1, 1]


def test_a_second_deploy_restarts_nothing_and_who_renders_stays_though_the_first_has_ended(deployed: Deployment):
    before = *running(), pids("raythumbs.imaging.sandbox_child")

    second = told(deployed.up())

    assert second[0] == 0, second
    assert (*running(), pids("raythumbs.imaging.sandbox_child")) == before
    assert [len(one) for one in before] == [1, 1, 1]


def test_a_deploy_with_other_settings_is_hardly_felt(deployed: Deployment):
    before = running()
    hammer = Hammer(deployed.url, photo=a_photo(), bucket=deployed.bucket)

    with hammer.at_it():
        eventually(lambda: len(hammer.uploads.replies) > 3)
        again = told(deployed.up(RAYTHUMBS_MAX_ERRORS="7"))
        asked = len(hammer.uploads.replies)
        eventually(lambda: len(hammer.uploads.replies) > asked + 3)

    assert again[0] == 0, again
    assert all(not old & new for old, new in zip(before, (running()[0], running()[1] - before[1]), strict=True))
    for heard in (hammer.uploads, hammer.events):
        print(len(heard.replies), heard.statuses, heard.longest_refusal_seconds, heard.longest_wait_seconds)
        assert heard.statuses <= {200, 202, 503}
        assert heard.refused_without_a_time == 0
        assert heard.longest_refusal_seconds < 3
        assert heard.longest_wait_seconds < 20  # 6 s with two cores, and ten times the load that they bear
    with Client(deployed.url) as client:
        assert {ended(client, job)["state"] for job in hammer.uploads.taken} == {"succeeded"}


def test_a_deploy_that_was_killed_again_and_again_ends_well_at_last(deployed: Deployment):
    old_queue, old_ingress = running()

    killed_when(lambda: pids("ray::ThumbnailQueue") - old_queue, deployed.up(RAYTHUMBS_MAX_ERRORS="6"))
    killed_when(lambda: running()[1] - old_ingress, deployed.up(RAYTHUMBS_MAX_ERRORS="6"))
    last = told(deployed.up(RAYTHUMBS_MAX_ERRORS="6"))

    assert last[0] == 0, last
    with Client(deployed.url) as client:
        assert client.ready() == {"status": "ready"}
        assert not client.status()["draining"]


def killed_when(has_come: Callable[[], object], deploy: "subprocess.Popen[str]") -> None:
    """Kill a deploy as soon as it has come so far."""
    eventually(has_come, seconds=120)
    assert deploy.poll() is None  # else it is too late
    deploy.kill()
    deploy.communicate()


def test_what_a_deploy_cannot_do_is_one_line(deployed: Deployment):
    nobody = free_port()

    said = {
        "no Ray lets us in": raythumbs("up", "--address", f"127.0.0.1:{nobody}"),
        "RAY_AUTH_TOKEN": deployed.up(RAY_AUTH_TOKEN="f" * 64),
        "connection failed": deployed.up(RAYTHUMBS_DATABASE=f"postgresql://nobody:secret@127.0.0.1:{nobody}/none"),
    }

    for part, process in said.items():
        status, _, complained = told(process)
        assert (status, complained.count("raythumbs:")) == (2, 1), complained
        assert part in complained
        assert len(complained.strip().splitlines()) == 1, complained
        assert "secret" not in complained
