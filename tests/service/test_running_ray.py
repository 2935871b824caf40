"""The service on a Ray that runs already."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from raythumbs.client import Client, RaythumbsError
from raythumbs.cluster.free_port import free_port
from raythumbs.cluster.ray_ports import lets_strangers_in
from tests.service.conftest import COMMANDS, ONE_SLOT, ended, eventually, is_ready, raythumbs, running_ray

SECRET = "recognisable-token-of-notifications"
LARGEST_MAP_BYTES = 512 << 20  # larger ones are reserved, and hardly used

pytestmark = pytest.mark.needs("time")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    surroundings = {
        "RAY_AUTH_MODE": "disabled",  # whatever token somebody has left in the home folder
        "RAY_SERVE_MAX_PER_REPLICA_RETRY_COUNT": "1",  # one that refuses to start refuses again
    }
    with running_ray(surroundings | ONE_SLOT) as address:
        yield address


def test_a_ray_that_asks_for_no_token_lets_strangers_in_and_doctor_says_so(address):
    doctor = raythumbs("doctor")
    said, complained = doctor.communicate(timeout=60)

    assert lets_strangers_in(address)
    assert doctor.returncode == 1, said
    assert "asks for no token" in complained


def test_who_brings_a_token_may_join_a_ray_that_asks_for_none_and_is_warned(address):
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64}

    down = raythumbs("down", "--address", address, environment=token)
    _, complained = down.communicate(timeout=60)

    assert down.returncode == 0, complained
    assert complained.splitlines() == [line for line in complained.splitlines() if "asks for no token" in line]


def test_serve_joins_a_ray_that_runs_and_leaves_it_as_it_was(address, tmp_path, photographs):
    port = free_port()
    process = raythumbs("serve", "--address", address, "--port", port, "--data-dir", tmp_path)
    with Client(f"http://127.0.0.1:{port}") as client:
        eventually(lambda: is_ready(client))
        (uploaded,) = client.upload([photographs["cat"]])
        assert ended(client, uploaded["jobId"])["state"] == "succeeded"
        assert client.status()["cpuCount"] == 2
    assert process.stdout is not None
    assert str(port) in process.stdout.readline()

    process.send_signal(signal.SIGINT)
    _, complained = process.communicate(timeout=60)

    assert process.returncode == 0, complained
    assert actors(address) == ""


def controllers(address: str) -> list[psutil.Process]:
    """Serve's controllers of the Ray at the address. Other tests have Rays of their own."""
    all_of_them = [one for one in psutil.process_iter(["name"]) if one.info["name"].startswith("ray::ServeController")]
    port = address.rpartition(":")[2]
    return [one for one in all_of_them if f":{port} " in " ".join(one.parent().cmdline()) + " "]


def test_rays_own_command_starts_the_same_application(address, tmp_path, photographs):
    port = free_port()
    subprocess.run(
        [COMMANDS / "serve", "start", "--address", address, "--http-host", "127.0.0.1", "--http-port", str(port)],
        check=True, capture_output=True,
    )  # fmt: skip
    arguments = [f"data_dir={tmp_path}", f"public_base_url=http://127.0.0.1:{port}", f"notification_token={SECRET}"]
    heeding_ctrl_c = ["env", "--default-signal=INT"]  # which a shell has its background commands ignore
    running = subprocess.Popen(
        [*heeding_ctrl_c, COMMANDS / "serve", "run", "--address", address, "raythumbs.app:build", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with Client(f"http://127.0.0.1:{port}") as client:
        eventually(lambda: is_ready(client))
        (uploaded,) = client.upload([photographs["cat"]])
        assert uploaded["statusUrl"].startswith(f"http://127.0.0.1:{port}/")
        assert ended(client, uploaded["jobId"])["state"] == "succeeded"
        told = client.notify([], token=SECRET)
    [controller] = controllers(address)

    assert told["accepted"] == 0
    assert b"notification_token" in memory_of(controller)  # else it was searched in vain
    assert SECRET.encode() not in memory_of(controller)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 0


def test_an_application_without_keys_does_not_start_where_serve_listens_for_everybody(address, tmp_path):
    assert not controllers(address)  # the tests before have left no Serve
    port, log = free_port(), tmp_path / "log"
    program = [sys.executable, "-c", STARTED_AND_RUN, address, "0.0.0.0", str(port)]
    with log.open("w") as output:
        running = subprocess.Popen(
            [*program, "run", "raythumbs.app:build", f"data_dir={tmp_path}"], stdout=output, stderr=output
        )
    try:
        eventually(lambda: "RAYTHUMBS_ALLOW_WITHOUT_KEYS" in log.read_text(), seconds=120)
        with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(RaythumbsError):
            client.status()
    finally:
        running.kill()
        running.wait()


# `serve start` and another command of `serve`, in one process: each takes 2 s of CPU to import Ray Serve.
STARTED_AND_RUN = """
import sys
import ray
from ray import serve
from ray.serve.scripts import cli

_, address, host, port, *command = sys.argv
ray.init(address, namespace="serve")
serve.start(http_options={"host": host, "port": int(port)})
cli(command)
"""


def memory_of(process: psutil.Process) -> bytes:
    """What the process has in the memory that it can write to."""
    maps = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
    read = []
    with Path(f"/proc/{process.pid}/mem").open("rb", 0) as memory:
        for line in maps:
            bounds, rights, *_, _inode = line.split()[:5]
            first, last = (int(number, 16) for number in bounds.split("-"))
            if rights.startswith("rw") and last - first < LARGEST_MAP_BYTES:
                memory.seek(first)
                with suppress(OSError):
                    read.append(memory.read(last - first))
    return b"\n".join(read)


def actors(address: str) -> str:
    """The names of the actors that live on a Ray."""
    script = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False, logging_level='ERROR'); print(*(\
actor['name'] for actor in ray.util.list_named_actors(all_namespaces=True)))"
    told = subprocess.run([sys.executable, "-c", script, address], capture_output=True, text=True, check=True)
    return told.stdout.strip()
