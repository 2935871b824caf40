"""Several machines on this one: each with a network, processes, users and a /tmp of its own, and an SSH server.

They are namespaces of Linux on a bridge, so `ray up` does there all that it does elsewhere, and its `ray stop`, which
ends whatever Ray it can see, sees only theirs. It takes root, iproute2, openssh-server and rsync.
"""

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.surroundings import QUICK_RAY, QUIET_RAY

HOUSE = Path(__file__).parents[2]
PROGRAMS = "ip", "unshare", "ssh", "ssh-keygen", "rsync", "/usr/sbin/sshd"

# What a host's first process does: see nothing of the machine's /tmp but this house, be at home in a folder of its own.
_BOOT = """
mount --make-rprivate /
mkdir -p {folder}/tmp{inside} {folder}/home
[ -z "{inside}" ] || mount --bind {house} {folder}/tmp{inside}
mkdir -p {folder}/tmp/keys && cp {keys}/* {folder}/tmp/keys/
echo 'root:x:0:0:root:/tmp/home:/bin/bash
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/:/usr/sbin/nologin' > {folder}/passwd
echo 'root:*:19000:0:99999:7:::' > {folder}/shadow
mount --bind {folder}/passwd /etc/passwd
mount --bind {folder}/shadow /etc/shadow
mount --rbind {folder}/tmp /tmp
mount -t tmpfs run /run && mkdir /run/sshd
hostname {name}
exec /usr/sbin/sshd -D -e -f /dev/null -h /tmp/keys/host -o AuthorizedKeysFile=/tmp/keys/user.pub \
    -o StrictModes=no -o UsePAM=no -o PidFile=none -o AcceptEnv='_RAYTHUMBS_TEST_*'
"""

# Nodes have fewer processes than elsewhere: test_autoscaling.py has a head and a node with all of Ray's.
_RAY = f"""#!/bin/sh
export PYTHONPATH="$PYTHONPATH:{HOUSE}"
[ "$1" = start ] || exec {shlex.join(QUICK_RAY)} "$@"
exec {shlex.join(QUIET_RAY)} "$@"
"""


class Host:
    """A machine of the tests: its address, and what can happen to it."""

    def __init__(self, name: str, address: str, folder: Path) -> None:
        self.name = name
        self.address = address
        self.home = folder / "tmp" / "home"
        self._folder = folder
        self._machine: subprocess.Popen[bytes] | None = None

    def boot(self, keys: Path) -> None:
        self.home.mkdir(parents=True)
        _make_environment(self.home / "raythumbs")
        inside = f"/{HOUSE.relative_to('/tmp')}" if HOUSE.is_relative_to("/tmp") else ""
        script = _BOOT.format(folder=self._folder, house=HOUSE, inside=inside, keys=keys, name=self.name)
        with (self._folder / "log").open("wb") as log:
            self._machine = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *_ALONE, "--uts", "sh", "-euc", script], stdout=log, stderr=log
            )

    def processes(self, titled: str) -> list[psutil.Process]:
        """Return its processes that have this in their titles."""
        if self._machine is None or self._machine.poll() is not None:
            return []
        return [
            one for one in psutil.Process(self._machine.pid).children(recursive=True) if titled in _title(one)
        ] + self._orphans(titled)

    def _orphans(self, titled: str) -> list[psutil.Process]:
        mine = {_namespace(child.pid) for child in psutil.Process(self._machine.pid).children()}
        known = {one.pid for one in psutil.Process(self._machine.pid).children(recursive=True)}
        return [
            one
            for one in psutil.process_iter()
            if one.pid not in known and titled in _title(one) and _namespace(one.pid) in mine
        ]

    def lose_power(self) -> None:
        """End every process of it at once."""
        if self._machine and self._machine.poll() is None:
            for first in psutil.Process(self._machine.pid).children():  # the namespace's process 1: the kernel ends all
                first.send_signal(signal.SIGKILL)
            self._machine.kill()
            self._machine.wait()


def _make_environment(place: Path) -> None:
    """Make a virtual environment that is this one, but for Ray's command, which has to start often: see _RAY."""
    (place / "bin").mkdir(parents=True)
    for path in (*Path(sys.prefix).iterdir(), *Path(sys.prefix, "bin").iterdir()):
        if path.name not in {"bin", "ray"}:
            (place / path.relative_to(sys.prefix)).symlink_to(path)
    (place / "bin" / "ray").write_text(_RAY)
    (place / "bin" / "ray").chmod(0o755)


_ALONE = "unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


class Network:
    """Hosts on a bridge, and this machine at its `gateway`; `folder` is the home of whoever runs `ray up`."""

    def __init__(self, folder: Path, gateway: str, hosts: Sequence[Host]) -> None:
        self.folder = folder
        self.gateway = gateway
        self.hosts = hosts
        self._begun: list[subprocess.Popen[str]] = []

    def begin(self, *command: object, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start a command as the person at the keyboard would, who sees none of this machine's other processes."""
        surroundings = {
            "HOME": str(self.folder),
            "PATH": f"{self.folder}/raythumbs/bin:{os.environ['PATH']}",
            "TERM": "dumb",
        }
        passwd = self.folder.parent / "passwd"  # where SSH looks for the home
        passwd.write_text(f"root:x:0:0:root:{self.folder}:/bin/bash\n")
        at_home = ("sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"', passwd)
        env = {**surroundings, **(environment or {})}
        process = subprocess.Popen(
            [*_ALONE, *at_home, *map(str, command)], cwd=self.folder, text=True, env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._begun.append(process)
        return process

    def leave(self) -> None:
        """End what was begun and still runs."""
        for process in self._begun:
            with process:
                process.kill()

    def run(self, *command: object, environment: Mapping[str, str] | None = None, seconds: float = 180) -> str:
        """Run it to its end; return what it said."""
        process = self.begin(*command, environment=environment)
        try:
            said, _ = process.communicate(timeout=seconds)
        finally:
            process.kill()
        assert process.returncode == 0, said
        return said


@contextmanager
def network(*, hosts: int) -> Iterator[Network]:
    """Make so many machines, booted, on a network of their own; nothing of them is left at the end."""
    name = f"rt{secrets.token_hex(2)}"
    subnet = f"10.213.{secrets.randbelow(256)}"
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        _ip("link", "add", name, "type", "bridge")
        undo.callback(_ip, "link", "delete", name)
        _ip("address", "add", f"{subnet}.1/24", "dev", name)
        _ip("link", "set", name, "up")
        keys = folder / "keys"
        keys.mkdir()
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / key], check=True)
        made = []
        for number in range(hosts):
            host = Host(f"{name}-{number}", f"{subnet}.{10 + number}", folder / f"host-{number}")
            _cable(undo, name, host, gateway=f"{subnet}.1")
            undo.callback(host.lose_power)
            host.boot(keys)
            made.append(host)
        launcher = folder / "launcher"
        (launcher / ".ssh").mkdir(parents=True)
        _make_environment(launcher / "raythumbs")
        shutil.copy(keys / "user", launcher / ".ssh" / "id_ed25519")
        made_network = Network(launcher, f"{subnet}.1", made)
        undo.callback(made_network.leave)
        yield made_network


def _cable(undo: ExitStack, bridge: str, host: Host, *, gateway: str) -> None:
    """Connect a network namespace of the host's name with the bridge."""
    _ip("netns", "add", host.name)
    undo.callback(_ip, "netns", "delete", host.name)
    end = f"v{host.name}"
    _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    undo.callback(_ip, "link", "delete", end)  # a namespace that others have in sight outlives its name
    _ip("link", "set", end, "master", bridge, "up")
    within = ("-n", host.name)
    _ip(*within, "address", "add", f"{host.address}/24", "dev", "eth0")
    _ip(*within, "link", "set", "lo", "up")
    _ip(*within, "link", "set", "eth0", "up")
    _ip(*within, "route", "add", "default", "via", gateway)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
