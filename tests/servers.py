"""A pooler for the tests, beside the servers of the benchmarks."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from raythumbs.bench.servers import await_server, lets_in, unprivileged
from raythumbs.cluster.free_port import free_port


@contextmanager
def pgbouncer_server(postgresql: str) -> Iterator[str]:
    """Run the machine's PgBouncer, pooling by transaction; give the address of a PostgreSQL's database behind it."""
    folder = Path(tempfile.mkdtemp(prefix="rt-pool-", dir="/tmp"))
    server = urlsplit(postgresql)
    port = free_port()
    (folder / "users").write_text(f'"{server.username}" "{server.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.hostname} port={server.port}\n[pgbouncer]\npool_mode = transaction\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "server_idle_timeout = 3\n"  # each test has a database of its own: more than the server has connections for
        f"auth_type = plain\nauth_file = {folder}/users\n"
    )
    address = postgresql.replace(f":{server.port}/", f":{port}/")
    program = shutil.which("pgbouncer")
    assert program, "PgBouncer is not here: apt-get install pgbouncer"
    pooler = subprocess.Popen(
        [program, "-q", folder / "pgbouncer.ini"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, preexec_fn=unprivileged(folder),
    )  # fmt: skip
    try:
        await_server(lambda: lets_in(address), "PgBouncer does not start")
        yield address
    finally:
        pooler.terminate()
        pooler.wait()
        shutil.rmtree(folder, ignore_errors=True)
