"""What other users of the machine, and other machines, get of a service that runs: nothing.

It takes root, to become another user.
"""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from raythumbs.client import Client
from raythumbs.cluster.free_port import free_port
from tests.service.conftest import Family, eventually, is_ready, ray_folders, raythumbs

pytestmark = pytest.mark.needs("root", "time")

SECRETS = {"AWS_SECRET_ACCESS_KEY": "the-key", "RAYTHUMBS_NOTIFICATION_TOKEN": "the-token", "MY_PASSWORD": "the-word"}
OPEN = {"RAYTHUMBS_HOST": "0.0.0.0", "RAYTHUMBS_ALLOW_WITHOUT_KEYS": "true"}
NOBODY = 65534
FILES = 4096

# What a stranger tries: to enter, read and write every folder of the service, and to talk to every socket.
_ATTACK = """
import json, os, socket, sys
got = []
def probe(what, *how):
    try:
        how[0](*how[1:])
    except OSError:
        return
    got.append(what)
sockets = {line.split()[-1] for line in open("/proc/net/unix") if line.split()[-1].startswith(sys.argv[1])}
for path in sockets:
    probe("connect " + path, socket.socket(socket.AF_UNIX).connect, path)
    probe("connect " + path, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect, path)
for folder in sys.argv[1:]:
    probe("list " + folder, os.listdir, folder)
    probe("write " + folder, open, folder + "/new", "w")
    for path in {os.path.dirname(one) for one in sockets} | {folder + "/ray", folder + "/ray/session_latest"}:
        probe("list " + path, os.listdir, path)
        probe("write " + path, open, path + "/new", "w")
    probe("rename " + folder, os.rename, folder, folder + "-mine")
for process in os.listdir("/proc"):
    if process.isdigit() and process != str(os.getpid()):
        try:
            text = open(f"/proc/{process}/environ").read() + open(f"/proc/{process}/cmdline").read()
        except OSError:
            continue
        if any(secret in text for secret in ("the-key", "the-token", "the-word")):
            got.append("read " + process)
print(json.dumps({"sockets": len(sockets), "got": got}))
"""


class Exposed:
    """A service that everybody on the network may ask, with secrets, and with few files to open."""

    def __init__(self, data_dir: Path) -> None:
        self.port = free_port()
        self.family = Family()
        self.folders_before = ray_folders()
        self.process = raythumbs(
            "serve", "--port", self.port, "--data-dir", data_dir,
            environment={**self.family.environment, **SECRETS, **OPEN},
        )  # fmt: skip
        psutil.Process(self.process.pid).rlimit(psutil.RLIMIT_NOFILE, (FILES, FILES))  # long before it looks
        with Client(f"http://127.0.0.1:{self.port}") as client:
            eventually(lambda: is_ready(client))

    @property
    def folder(self) -> Path:
        """The folder of its Ray: the one that its raylet has files in."""
        (raylet,) = self.family.members("/raylet/raylet --")
        path = next(Path(file.path) for file in raylet.open_files() if "/raythumbs." in file.path)
        return Path(*path.parts[:3])


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    running = Exposed(tmp_path_factory.mktemp("exposed"))
    yield running
    running.process.kill()
    running.process.communicate()


def test_another_user_of_the_machine_enters_nothing_and_reads_no_secret(exposed):
    told = subprocess.run(
        ["/usr/bin/python3", "-c", _ATTACK, exposed.folder], user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    attacked = json.loads(told)
    assert attacked["sockets"] > 3  # else it was tried in vain
    assert attacked["got"] == []


def environment_of(process: psutil.Process) -> bytes:
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:  # it has ended: HAProxy is started anew
        return b""


def test_secrets_are_in_the_environment_of_no_process_but_the_one_that_was_given_them(exposed):
    told = {
        one.pid: secret
        for one in exposed.family.members()
        for secret in SECRETS.values()
        if one.pid != exposed.process.pid and secret.encode() in environment_of(one)
    }

    assert told == {}
    assert len(exposed.family.members()) > 8


def connections_of(process: psutil.Process) -> list[Any]:
    try:
        return process.net_connections("inet")
    except (psutil.Error, OSError):  # it has ended: HAProxy is started anew
        return []


def test_only_the_service_itself_is_open_to_other_machines(exposed):
    listening = {
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for one in exposed.family.members()
        for connection in connections_of(one)
        if connection.status == psutil.CONN_LISTEN
    }

    assert {where for where in listening if where[0] != "127.0.0.1"} == {("0.0.0.0", exposed.port)}
    assert len(listening) > 8


def test_doctor_tells_which_ports_are_open_to_whom(exposed):
    told, _ = raythumbs("doctor").communicate(timeout=60)

    (open_to_all,) = [line for line in told.splitlines() if f":{exposed.port} " in line]
    assert "every machine that reaches this one" in open_to_all
    assert "HAProxy" in open_to_all or "haproxy" in open_to_all
    assert "this machine only" in told


def test_a_service_that_is_killed_leaves_neither_a_process_nor_a_folder(exposed):
    members = exposed.family.members()

    exposed.process.kill()

    said, _ = exposed.process.communicate(timeout=30)
    _, alive = psutil.wait_procs(members, timeout=20)
    assert alive == []
    came = ray_folders() - exposed.folders_before
    eventually(lambda: not any(one.exists() for one in came if not exposed.family.is_of_others(one)), seconds=10)
    assert "at most 1,578 clients can be connected" in said


@pytest.mark.parametrize(
    ("started", "number"),
    [
        ("starting Ray", signal.SIGHUP),
        ("starting Ray", signal.SIGTERM),
        ("starting Ray", signal.SIGINT),
        ("starting the queue", signal.SIGTERM),  # for which Ray has set a handler of its own meanwhile
    ],
)
def test_a_service_that_is_asked_to_end_while_it_starts_does_so_and_leaves_nothing(tmp_path, family, started, number):
    process = raythumbs("serve", "--port", free_port(), "--data-dir", tmp_path, environment=family.environment)
    assert process.stdout is not None
    while started not in process.stdout.readline():
        pass

    process.send_signal(number)

    said, complained = process.communicate(timeout=60)
    assert (process.returncode, complained) == (0, "")
    assert "answers" not in said
    eventually(lambda: not family.members(), seconds=10)
