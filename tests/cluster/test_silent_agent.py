"""What stands in for Ray's agent of the dashboard, in a process of its own."""

import sys
from pathlib import Path

import psutil

from raythumbs.bench.local_service import wait_until
from raythumbs.cluster import silent_agent
from tests.cluster.raylets import NODE, has_ended, log_of, opened, raylet

AGENT = [sys.executable, "-I", silent_agent.__file__, f"--ports={silent_agent.OF_DASHBOARD}"]


def test_it_tells_that_nothing_listens_and_ends_with_the_process_that_started_it(tmp_path):
    expected = {f"{port}_{NODE}": "-1" for port in silent_agent.OF_DASHBOARD.split(",")}
    with raylet(tmp_path, AGENT) as started:
        process = psutil.Process(int(started.stdout.readline()))

        assert wait_until(lambda: written(tmp_path) == expected, seconds=30)
        assert process.is_running()
        assert log_of(tmp_path) in {Path(file).resolve() for file in opened(process)}
        started.stdin.close()

        assert wait_until(lambda: has_ended(process), seconds=30)


def test_the_two_agents_of_a_node_never_write_the_same_file():
    assert not set(silent_agent.OF_DASHBOARD.split(",")) & set(silent_agent.OF_RUNTIME_ENVIRONMENTS.split(","))


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.endswith(".new")}
