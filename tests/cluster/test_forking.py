"""Workers of Ray are forks of a server that has imported what they need."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import ray

from raythumbs.bench.local_service import wait_until
from raythumbs.cluster.forking import request
from raythumbs.cluster.forking.request import socket_of
from raythumbs.cluster.silent_agent import OF_RUNTIME_ENVIRONMENTS
from raythumbs.preloaded import OF_WORKERS
from tests.cluster.raylets import NODE, has_ended, log_of, opened, raylet

WORKER = """
import json, os, signal, sys
from ray import UniqueID
print(json.dumps({
    "arguments": sys.argv, "environment": dict(os.environ), "folder": os.getcwd(), "parent": os.getppid(),
    "leads its group": os.getpgid(0) == os.getpid(), "imported": [name for name in sys.modules if "raythumbs" in name],
    "oom": open("/proc/self/oom_score_adj").read(), "first on the path": sys.path[0],
    "id": UniqueID.from_random().hex(), "zombies are kept": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
}))
"""
AS_RAY_DOES = "import sys; print('as Ray does', sys.argv[1:])"
THREAD = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
FIVE = (5).to_bytes(8)  # the number of bytes of a request
DRAWN = "from ray import UniqueID; UniqueID.from_random()"


@contextmanager
def fork_server(session: Path, *, preloaded: str = "raythumbs.app") -> Iterator[psutil.Process]:
    """A fork server that has told its raylet that it is there."""
    (session / "modules").mkdir(exist_ok=True)
    agent = ["env", f"PYTHONPATH={session / 'modules'}:{os.environ.get('PYTHONPATH', '')}", sys.executable, "-P", "-m"]
    agent += ["raythumbs.cluster.forking.server", f"--ports={OF_RUNTIME_ENVIRONMENTS}", f"--preload={preloaded}"]
    with raylet(session, agent) as started:
        yield psutil.Process(int(started.stdout.readline()))
        started.stdin.close()


def worker_command(session: Path) -> list[str]:
    """What a raylet runs for a worker, with scripts in place of Ray's."""
    (session / "default_worker.py").write_text(WORKER)
    (session / "setup_worker.py").write_text(AS_RAY_DOES)
    given = [f"--raylet-name={session}/sockets/raylet", f"--node-id={NODE}", "--language=PYTHON", "--x"]
    return [sys.executable, request.__file__, str(session / "default_worker.py"), *given]


def asked(session: Path, **environment: str) -> str:
    """What a worker that is asked for says."""
    env = os.environ | environment
    return subprocess.run(
        worker_command(session), env=env, cwd=session, capture_output=True, text=True, check=True
    ).stdout


def is_there(session: Path) -> bool:
    return (session / f"{OF_RUNTIME_ENVIRONMENTS}_{NODE}").exists()


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("s")
    with fork_server(folder):
        assert wait_until(lambda: is_there(folder), seconds=60)
        yield folder


def test_a_worker_has_what_the_raylet_gave_it_and_all_modules(session):
    said = json.loads(asked(session, OF_THIS_WORKER="yes"))

    script = session / "default_worker.py"
    assert said["arguments"] == [str(script), f"--raylet-name={session}/sockets/raylet", f"--node-id={NODE}", "--x"]
    assert said["environment"] == os.environ | {"OF_THIS_WORKER": "yes"}
    assert (said["folder"], said["first on the path"]) == (str(session), str(session))
    assert said["leads its group"]
    assert said["zombies are kept"]
    assert "raythumbs.app" in said["imported"]


def test_a_worker_ends_before_others_when_memory_is_short_if_the_raylet_asked_for_that(session):
    raised = f"echo 700 > /proc/self/oom_score_adj; exec {' '.join(worker_command(session))}"

    said = subprocess.run(["/bin/sh", "-c", raised], cwd=session, capture_output=True, text=True, check=True).stdout

    assert json.loads(said)["oom"].strip() == "700"


def test_no_two_workers_draw_the_same_ids(session):
    first, second = (json.loads(asked(session)) for _ in range(2))

    assert first["parent"] == second["parent"] == psutil.Process(first["parent"]).pid
    assert first["id"] != second["id"]


@pytest.mark.parametrize(
    "sent", [b"", b"\0" * 8, (5).to_bytes(8), (5).to_bytes(8) + b"[[[[[", (5).to_bytes(8) + b"1\0\0\0\0"]
)
def test_a_request_that_is_cut_short_or_makes_no_sense_gets_no_answer_and_harms_no_other(session, sent):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(socket_of(str(session), NODE))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""

    assert json.loads(asked(session))


def test_only_this_user_may_connect(session):
    assert Path(socket_of(str(session), NODE)).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("module", "told"),
    [(THREAD, "2 threads"), (DRAWN, "drawn a random id"), ("raise ValueError", "Error"), ("import missing", "missing")],
)
def test_what_cannot_be_forked_is_not_forked_and_workers_start_as_ray_starts_them(tmp_path, module, told):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "unfit.py").write_text(module)

    with fork_server(tmp_path, preloaded="unfit") as server:
        assert wait_until(lambda: is_there(tmp_path), seconds=60)
        said = asked(tmp_path)

        assert said.startswith("as Ray does")
        assert str(tmp_path / "default_worker.py") in said
        assert not Path(socket_of(str(tmp_path), NODE)).exists()
        assert server.is_running()
        assert told in log_of(tmp_path).read_text()


def test_without_a_fork_server_workers_start_as_ray_starts_them(tmp_path):
    assert asked(tmp_path).startswith("as Ray does")


def test_a_fork_server_ends_with_its_raylet(tmp_path):
    with fork_server(tmp_path, preloaded="") as server:
        assert wait_until(lambda: is_there(tmp_path), seconds=60)
        assert str(log_of(tmp_path)) in opened(server)

    assert wait_until(lambda: has_ended(server), seconds=30)


def test_what_a_service_preloads_can_be_forked(tmp_path):
    with fork_server(tmp_path, preloaded=",".join(OF_WORKERS)):
        assert wait_until(lambda: is_there(tmp_path), seconds=60)

        imported = json.loads(asked(tmp_path))["imported"]

    assert {name for name in OF_WORKERS if name.startswith("raythumbs")} <= set(imported)


@ray.remote(num_cpus=1)
def parent() -> str:
    return " ".join(psutil.Process().parent().cmdline())


def test_rays_own_workers_are_forks(cluster):
    assert "raythumbs.cluster.forking.server" in ray.get(parent.remote())
