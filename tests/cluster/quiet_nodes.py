"""What starts the nodes that Ray's autoscaler asks for, on this machine. Ray's monitor imports it by its name."""

import sys
from typing import Any

from ray._private import ray_constants, services
from ray._private.node import Node
from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider

from raythumbs.cluster import silent_agent

_AGENTS = {
    ray_constants.PROCESS_TYPE_DASHBOARD_AGENT: silent_agent.OF_DASHBOARD,
    ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT: silent_agent.OF_RUNTIME_ENVIRONMENTS,
}
_python = services._build_python_executable_command_memory_profileable


def _python_with_silent_agents(component: str, session_dir: str, **options: bool) -> list[str]:
    if component in _AGENTS:
        return [sys.executable, "-I", silent_agent.__file__, f"--ports={_AGENTS[component]}"]
    command: list[str] = _python(component, session_dir, **options)
    return command


# What in Ray is replaced so that a node has no log monitor, and silent agents. Workers are no forks: where a node has
# one or two, to start a fork server takes as long.
SILENT_AGENTS = (
    (Node, "start_log_monitor", lambda _node: None),
    (services, "_build_python_executable_command_memory_profileable", _python_with_silent_agents),
)


class QuietNodes(FakeMultiNodeProvider):  # type: ignore[misc]  # Ray has no types for it
    """Starts nodes without Ray's log monitor and its two agents, which take 3 s of CPU to start.

    The first nodes that are asked for have all of Ray's own processes, as nodes have elsewhere.
    """

    def create_node_with_resources_and_labels(self, *given: Any) -> None:
        """Start nodes; let the later ones be quiet."""
        super().create_node_with_resources_and_labels(*given)
        for owner, name, replacement in SILENT_AGENTS:
            setattr(owner, name, replacement)
