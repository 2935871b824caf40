"""What stands in for Ray's agents, in a process of its own."""

import shlex
import subprocess
import sys

import psutil

from raythumbs.bench.local_service import wait_until
from raythumbs.cluster import silent_agent


def test_it_tells_that_nothing_listens_and_ends_with_the_process_that_started_it(tmp_path):
    agent = [
        sys.executable,
        "-I",
        silent_agent.__file__,
        "--session-dir",
        str(tmp_path),
        "--node-id",
        "n1",
        "--other=x",
    ]
    raylet = subprocess.Popen(
        ["/bin/sh", "-c", f"{shlex.join(agent)} & echo $!; read _"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with raylet:
        process = psutil.Process(int(raylet.stdout.readline()))

        assert wait_until(lambda: len(list(tmp_path.glob("*_n1"))) == 4, seconds=30)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
            "metrics_agent_port_n1": "-1",
            "metrics_export_port_n1": "-1",
            "dashboard_agent_listen_port_n1": "-1",
            "runtime_env_agent_port_n1": "-1",
        }
        assert process.is_running()
        raylet.stdin.close()

        assert wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, seconds=30)
