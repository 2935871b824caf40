"""What is left of the service when parts of it, or all of it, are killed."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from raythumbs.client import Client, Refused, Unreachable
from raythumbs.cluster.free_port import free_port
from tests.service.conftest import eventually, raythumbs

pytestmark = pytest.mark.needs("time")


def states(client: Client, job_ids: list[str]) -> set[str]:
    """The states of jobs, as soon as the service answers."""
    found: list[str] = []

    def answered() -> bool:
        with suppress(Unreachable, Refused):
            found[:] = [client.job(job_id)["state"] for job_id in job_ids]
        return bool(found)

    eventually(answered)
    return set(found)


def all_succeed(client: Client, job_ids: list[str]) -> Callable[[], bool]:
    return lambda: states(client, job_ids) == {"succeeded"}


@pytest.mark.timeout(480)  # three starts
def test_a_service_whose_ray_is_killed_restarts_and_one_killed_with_all_that_it_started_is_taken_up_by_the_next_start(
    tmp_path, photographs, family, left_behind
):
    port = free_port()
    command = ("serve", "--port", port, "--data-dir", tmp_path)
    first = raythumbs(*command, environment=family.environment)
    with Client(f"http://127.0.0.1:{port}") as client:
        eventually(lambda: is_ready(client))
        jobs = [uploaded["jobId"] for uploaded in client.upload([photographs["cat"]] * 20)]
        (victim,) = [process for process in family.members() if process.name() == "gcs_server"]

        victim.kill()

        eventually(all_succeed(client, jobs))
        assert len(left_behind()) == 1  # the folder of the Ray that runs now

        jobs = [uploaded["jobId"] for uploaded in client.upload([photographs["cat"]] * 20)]
        stuck = family.members("ThumbnailQueue")[0]
        stuck.send_signal(signal.SIGSTOP)  # it does not see that all others are gone
        for process in family.members():
            with suppress(psutil.NoSuchProcess):
                if process != stuck:
                    process.kill()
        _, complained = first.communicate()
        assert "Ray's gcs_server ended, the service restarts" in complained

        again = raythumbs(*command, environment=family.environment, process_group=0)

        eventually(lambda: is_ready(client))
        eventually(all_succeed(client, jobs))
        assert not stuck.is_running()
        assert len(left_behind()) == 1

        os.killpg(again.pid, signal.SIGTERM)  # as `timeout` does
        _, complained = again.communicate()
    assert again.returncode == 0
    assert "raylet" not in complained
    eventually(lambda: not family.members())
    eventually(lambda: not left_behind())  # another test's folder has no process yet when it is made


def is_ready(client: Client) -> bool:
    with suppress(Unreachable, Refused):
        client.ready()
        return True
    return False
