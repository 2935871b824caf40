"""Four lives of a service on the same data: how each ends, and what the next makes of what was left.

A start takes longest, so one end serves several rules: the Ray of the first life is killed, and then all of it; the
second is ended by Ctrl-C, the third by the end of the program that it was started for.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import pytest

from raythumbs.client import Client, Refused, Unreachable
from raythumbs.cluster.free_port import free_port
from tests.service.conftest import COMMANDS, ONE_SLOT, Family, eventually, is_ready, left_behind, ray_folders, raythumbs

pytestmark = [pytest.mark.needs("time"), pytest.mark.timeout(480)]  # several starts

PHOTOS = 8  # more than are at work at one time


@dataclass
class Place:
    """Where all lives are, and what they have in common."""

    data: Path
    port: int = field(default_factory=free_port)
    family: Family = field(default_factory=Family)
    folders_before: set[Path] = field(default_factory=ray_folders)

    def serve(self, **settings: str) -> "subprocess.Popen[str]":
        environment = self.family.environment | ONE_SLOT | settings
        return raythumbs("serve", "--port", self.port, "--data-dir", self.data, environment=environment)

    def folders(self) -> set[Path]:
        """Ray's folders that are there."""
        return left_behind(self.folders_before, self.family)

    def has_ended(self) -> bool:
        return not self.family.members() and not self.folders()

    def kill(self, *, but: psutil.Process | None = None) -> None:
        for process in self.family.members():
            with suppress(psutil.NoSuchProcess):
                if process != but:
                    process.kill()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("data"))
    yield place
    place.kill()


@pytest.fixture(scope="module")
def client(place: Place) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{place.port}") as client:
        yield client


def uploaded(client: Client, photo: Path) -> list[str]:
    """Upload a photo several times; return the jobs."""
    return [one["jobId"] for one in client.upload([photo] * PHOTOS)]


def await_success(client: Client, job_ids: list[str]) -> None:
    """Wait until the service answers, and all jobs have succeeded."""

    def has(job_id: str) -> bool:
        with suppress(Unreachable, Refused):
            return client.job(job_id)["state"] == "succeeded"
        return False

    for job_id in job_ids:
        eventually(lambda: has(job_id), seconds=120)  # noqa: B023 it is asked at once


@dataclass
class Lost:
    """What came of the first life, and the second, which goes on."""

    complained: str
    stuck: psutil.Process
    folders_after_restart: set[Path]
    second: "subprocess.Popen[str]"
    second_said: list[str]


@pytest.fixture(scope="module")
def lost(place: Place, client: Client, photographs) -> Lost:
    first = place.serve()
    eventually(lambda: is_ready(client), seconds=120)
    jobs = uploaded(client, photographs["cat"])
    (gcs,) = [process for process in place.family.members() if process.name() == "gcs_server"]
    gcs.kill()
    await_success(client, jobs)
    eventually(lambda: len(place.folders()) == 1)  # another test's folder has no process yet when it is made
    folders = place.folders()

    jobs = uploaded(client, photographs["cat"])
    stuck = place.family.members("ThumbnailQueue")[0]
    stuck.send_signal(signal.SIGSTOP)  # it does not see that all others are gone
    place.kill(but=stuck)
    _, complained = first.communicate()

    second = place.serve(RAYTHUMBS_LOG_LEVEL="INFO", RAYTHUMBS_DRAIN_SECONDS="0.1")
    assert second.stdout is not None
    # Line by line: what readline has read ahead, communicate would not give again.
    said = [second.stdout.readline() for _ in range(7)]
    eventually(lambda: is_ready(client))
    await_success(client, jobs)
    return Lost(complained, stuck, folders, second, said)


def test_a_service_whose_ray_is_killed_restarts_and_one_killed_with_all_that_it_started_is_taken_up_by_the_next_start(
    place, lost
):
    assert "Ray's gcs_server ended, the service restarts" in lost.complained
    assert len(lost.folders_after_restart) == 1  # the folder of the Ray that ran then
    assert not lost.stuck.is_running()
    eventually(lambda: len(place.folders()) == 1)
    assert not place.folders() & lost.folders_after_restart


@dataclass
class Ended:
    """What the second life said at its end, and which jobs it has left."""

    status: int
    said: str
    complained: str
    told: bytes
    jobs: list[str]


@pytest.fixture(scope="module")
def ended(place: Place, client: Client, lost: Lost, photographs) -> Ended:
    assert len(place.family.members()) > 5
    jobs = uploaded(client, photographs["cat"])
    with httpx2.stream("GET", f"{client.url}/api/folders/album/events", timeout=60) as stream:
        assert stream.status_code == 200
        lost.second.send_signal(signal.SIGINT)
        told = stream.read()  # it ends in order, long before its time is over
    said, complained = lost.second.communicate(timeout=120)
    return Ended(lost.second.returncode, said, complained, told, jobs)


def test_serve_says_where_it_is_and_what_happens_and_ctrl_c_ends_all_that_it_started(place, lost, ended):
    ray, queue, address, store, _, database, access = lost.second_said
    assert ray == "starting Ray ...\n"
    assert queue == "starting the queue and the ingress ...\n"
    assert f"http://127.0.0.1:{place.port}" in address
    assert f"file://{place.data}/store/" in store
    assert f"sqlite:///{place.data}/raythumbs.db" in database
    assert access.startswith("access ")

    assert ended.status == 0
    assert ended.said == "finishing what runs ...\nended\n"
    assert ended.told.startswith(b"id: folder")
    assert b": nothing has changed" not in ended.told
    assert "Traceback" not in ended.complained
    assert "INFO queue.opened" in ended.complained
    assert "INFO queue.drained" in ended.complained
    eventually(place.has_ended)


def test_what_waits_when_a_service_ends_is_taken_up_by_the_next_which_ends_with_the_program_that_it_was_started_for(
    place, ended
):
    script = f"""
import pathlib, time
from raythumbs.bench.local_service import local_service
with local_service(pathlib.Path({str(place.data)!r})) as client:
    print(client.url, flush=True)
    time.sleep(600)
"""
    program = subprocess.Popen(
        [COMMANDS / "python", "-c", script], stdout=subprocess.PIPE, text=True,
        env={**os.environ, **place.family.environment, **ONE_SLOT},
    )  # fmt: skip
    assert program.stdout is not None
    try:
        with program.stdout, Client(program.stdout.readline().strip()) as client:
            await_success(client, ended.jobs)
            assert {client.job(job)["crashes"] for job in ended.jobs} == {0}
    finally:
        program.kill()
        program.wait()

    eventually(place.has_ended)
