"""Opens files beneath a folder, and refuses symbolic links that lead out of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raythumbs.errors import NoSuchObject


def open_within(root: Path, path: Path, flags: int) -> int:
    """Return a descriptor of a path beneath the root. The root may itself be a link.

    Raises NoSuchObject if links led out of the root, or OSError. The real path is read from the descriptor (proc(5),
    /proc/pid/fd), so a link that changes at this moment does no harm.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    is_within = real_path(descriptor).is_relative_to(os.path.realpath(root))
    if not is_within:
        os.close(descriptor)
        raise NoSuchObject(f"{path} leads out of {root}: only links within the folder are followed")
    return descriptor


@contextmanager
def opened_within(root: Path, path: Path, flags: int) -> Iterator[int]:
    """Yield the descriptor of `open_within`, and close it at the end."""
    descriptor = open_within(root, path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def real_path(descriptor: int) -> Path:
    """Return the real path of an open file, without links."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()
