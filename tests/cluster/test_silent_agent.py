"""What stands in for Ray's agents, in a process of its own."""

import shlex
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from raythumbs.bench.local_service import wait_until
from raythumbs.cluster import silent_agent


@pytest.mark.parametrize("ports", [silent_agent.OF_DASHBOARD, silent_agent.OF_RUNTIME_ENVIRONMENTS])
def test_it_tells_that_nothing_listens_and_ends_with_the_process_that_started_it(tmp_path, ports):
    expected = {f"{port}_n1": "-1" for port in ports.split(",")}
    with raylet(tmp_path, ports) as started:
        process = psutil.Process(int(started.stdout.readline()))

        assert wait_until(lambda: written(tmp_path) == expected, seconds=30)
        assert process.is_running()
        started.stdin.close()

        assert wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, seconds=30)


def test_the_two_agents_of_a_node_never_write_the_same_file():
    assert not set(silent_agent.OF_DASHBOARD.split(",")) & set(silent_agent.OF_RUNTIME_ENVIRONMENTS.split(","))


def raylet(folder: Path, ports: str) -> "subprocess.Popen[str]":
    """A program that starts an agent, as a raylet does, tells its number, and ends when its input does."""
    agent = [sys.executable, "-I", silent_agent.__file__, f"--ports={ports}", "agent.py"]
    told = shlex.join([*agent, "--session-dir", str(folder), "--node-id", "n1", "--other=x"])
    return subprocess.Popen(
        ["/bin/sh", "-c", f"{told} & echo $!; read _"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.endswith(".new")}
