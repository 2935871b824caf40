"""Stands in for the two agents without which Ray's raylet does not start: the dashboard's, and that of runtime
environments. A local Ray has neither a dashboard nor runtime environments.

Ray's own take 2.3 s of CPU to start and 170 MB, each of these a fiftieth. Only the standard library is imported.
"""

import argparse
import os
import time
from pathlib import Path

OF_DASHBOARD = "metrics_agent_port,metrics_export_port,dashboard_agent_listen_port"
OF_RUNTIME_ENVIRONMENTS = "runtime_env_agent_port"
_NONE = "-1"  # as Ray's own agent writes it where it does not listen


def main() -> None:
    """Tell the raylet that nothing listens, and stay until it ends: it ends when its agent does.

    Each of the two agents has ports of its own to tell: both at once could not write the same file.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports", required=True)
    parser.add_argument("--session-dir", type=Path, required=True)
    parser.add_argument("--node-id", required=True)
    asked, _ = parser.parse_known_args()
    raylet = os.getppid()
    for port in asked.ports.split(","):
        _write(asked.session_dir / f"{port}_{asked.node_id}", _NONE)
    while os.getppid() == raylet:
        time.sleep(1)


def _write(path: Path, text: str) -> None:
    """Write a file of which the raylet, which waits for it, never sees a part."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


if __name__ == "__main__":
    main()
