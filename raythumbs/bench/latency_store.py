"""A bucket that is some milliseconds away, at hardly any CPU: nginx over a folder, which waits before it answers.

It understands S3's reads and writes, but no listings, and it gives no ETag for a PUT: as much as a benchmark needs.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from raythumbs.bench.servers import await_server, listens, start_server, unprivileged
from raythumbs.cluster.free_port import free_port
from raythumbs.errors import NotStarted

_MODULES = Path("/usr/lib/nginx/modules")  # Debian's
_NEEDED = ("ndk_http_module.so", "ngx_http_lua_module.so")
_INSTALL = "apt-get install nginx-extras"
_CONFIGURATION = """
{modules}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_max_body_size 1g;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/buckets;
        dav_methods PUT DELETE;
        create_full_put_path on;
        {wait}
        location ~ ^/[^/]+/?$ {{ return 200; }}  # a HEAD of the bucket itself
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class LatencyStore:
    """Its address, and the folder that has a folder for each bucket."""

    endpoint: str
    buckets: Path

    def bucket(self, name: str) -> Path:
        """Return the folder of a bucket: its files are the bucket's objects."""
        folder = self.buckets / name
        folder.mkdir(exist_ok=True)
        return folder

    def empty(self, name: str) -> None:
        """Remove a bucket's objects."""
        shutil.rmtree(self.buckets / name, ignore_errors=True)

    def sizes_bytes(self, name: str) -> list[int]:
        """Return the size of each of a bucket's objects."""
        return [path.stat().st_size for path in (self.buckets / name).rglob("*") if path.is_file()]


@contextmanager
def store_folder() -> Iterator[Path]:
    """Make a folder for one store after the other, and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="rt-store-", dir="/tmp"))
    try:
        (folder / "buckets").mkdir()
        (folder / "buckets").chmod(0o777)  # the server may run as another user
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def latency_store(folder: Path, *, latency_ms: float) -> Iterator[LatencyStore]:
    """Run a store over a folder of `store_folder`; every request waits so long. Raises NotStarted."""
    port, log = free_port(), folder / "error.log"
    configuration = folder / "nginx.conf"
    wait = f"access_by_lua_block {{ ngx.sleep({latency_ms / 1000}) }}" if latency_ms else ""
    modules = "\n".join(f"load_module {_MODULES / module};" for module in _NEEDED)
    configuration.write_text(_CONFIGURATION.format(modules=modules, folder=folder, port=port, wait=wait))
    server = start_server([_nginx(), "-p", folder, "-c", configuration, "-e", log], become=unprivileged(folder))
    try:
        await_server(lambda: listens(port) or server.poll() is not None, f"nginx does not start: {_INSTALL}")
        if server.poll() is not None:
            raise NotStarted(f"nginx ended: {log.read_text()[-1000:] if log.exists() else _INSTALL}")
        yield LatencyStore(f"http://127.0.0.1:{port}", folder / "buckets")
    finally:
        server.terminate()
        server.wait()


def _nginx() -> str:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
    if nginx is None or not all((_MODULES / module).exists() for module in _NEEDED):
        raise NotStarted(f"the store of this benchmark is nginx with its Lua module, which is not here: {_INSTALL}")
    return nginx
