"""Floors: the oldest versions of packages that the service starts with. Older ones have faults that strangers can use.

`pyproject.toml` asks for the same. But an image or a node may have been built in another way.
"""

import re
from importlib.metadata import version

from raythumbs.errors import NotStarted

FLOORS = {"pillow": (13, 0), "pillow-heif": (1, 8), "ray": (2, 60)}


def refuse_old_packages() -> None:
    """Raise NotStarted if a package is older than its floor."""
    for package, floor in FLOORS.items():
        installed = version(package)
        if tuple(map(int, re.findall(r"\d+", installed)[: len(floor)])) < floor:
            raise NotStarted(
                f"{package} {installed} is installed; it must be {'.'.join(map(str, floor))} or newer, because older "
                "versions have faults that a photo or a stranger can use"
            )
