"""Stands in for the dashboard's agent, without which Ray's raylet does not start. A local Ray has no dashboard.

Ray's own takes 1.5 s of CPU to start and 120 MB, this one a fiftieth. Only the standard library is imported.
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

OF_DASHBOARD = "metrics_agent_port,metrics_export_port,dashboard_agent_listen_port"
OF_RUNTIME_ENVIRONMENTS = "runtime_env_agent_port"
_NONE = "-1"  # as Ray's own agent writes it where it does not listen


@dataclass(frozen=True, slots=True)
class Agent:
    """What a raylet starts an agent with. Each agent has ports of its own to tell: no two write the same file."""

    session_folder: Path
    node_id: str
    ports: tuple[str, ...]
    log: Path | None

    @classmethod
    def of_command_line(cls) -> Self:
        """Return what this process was started with. Other arguments are for Ray's own agent."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--ports", required=True)
        parser.add_argument("--session-dir", type=Path, required=True)
        parser.add_argument("--node-id", required=True)
        parser.add_argument("--stderr-filepath", type=Path)
        asked, _ = parser.parse_known_args()
        return cls(asked.session_dir, asked.node_id, tuple(asked.ports.split(",")), asked.stderr_filepath)

    def open_log(self) -> None:
        """Write errors to Ray's file for them. Who clears up Ray's folder ends what has a file of it open."""
        if self.log:
            with self.log.open("ab") as log:
                os.dup2(log.fileno(), sys.stderr.fileno())

    def tell_ports(self) -> None:
        """Tell the raylet, which waits for it, that nothing listens."""
        for port in self.ports:
            _write(self.session_folder / f"{port}_{self.node_id}", _NONE)


def stay(raylet: int) -> None:
    """Wait until the raylet, this process's parent, has ended. It ends when its agent does."""
    while os.getppid() == raylet:
        time.sleep(1)


def _write(path: Path, text: str) -> None:
    """Write a file of which the raylet never sees a part."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


if __name__ == "__main__":
    started_by = os.getppid()
    agent = Agent.of_command_line()
    agent.open_log()
    agent.tell_ports()
    stay(started_by)
