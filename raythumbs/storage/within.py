"""Opens what is beneath a folder, and nothing that a symbolic link in it leads to elsewhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raythumbs.errors import NoSuchObject


def open_within(root: Path, path: Path, flags: int) -> int:
    """Return a descriptor of a path beneath the root, which may itself be a link.

    Raises NoSuchObject if links led out of the root, or OSError. The descriptor is asked where it is (proc(5),
    /proc/pid/fd), so that a link that is changed at this moment changes nothing.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    is_within = real_path(descriptor).is_relative_to(os.path.realpath(root))
    if not is_within:
        os.close(descriptor)
        raise NoSuchObject(f"{path} leads out of {root}: links are followed within it only")
    return descriptor


@contextmanager
def opened_within(root: Path, path: Path, flags: int) -> Iterator[int]:
    """Give what `open_within` returns, and close it."""
    descriptor = open_within(root, path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def real_path(descriptor: int) -> Path:
    """Return where an open file is, without links."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()
