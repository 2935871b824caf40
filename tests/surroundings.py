"""The environment of the processes that tests start."""

import os
import sys
from pathlib import Path

# Where pandas is installed, each process of Ray Serve imports it, but not in a local Ray: half a second of CPU, 70 MB,
# for nothing. What tests start is as it is after the README's `pip install`, which is without the extra `export`.
WITHOUT_PANDAS = str(Path(__file__).parent / "as_without_export")

# Ray's command, one that starts nodes with fewer processes, and the environment that both need: see the two files.
QUICK_RAY = (sys.executable, "-P", "-m", "tests.quick_ray")
QUIET_RAY = (sys.executable, "-P", "-m", "tests.quiet_ray")
FINDS_OUR_RAY = {"PYTHONPATH": os.pathsep.join([WITHOUT_PANDAS, str(Path(__file__).parents[1])])}


def with_pandas() -> dict[str, str]:
    """Return the environment for the few programs that need pandas."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
