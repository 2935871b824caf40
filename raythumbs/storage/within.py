"""Opens files beneath a folder, and refuses symbolic links that lead out of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raythumbs.errors import NoSuchObject


def open_within(root: Path, path: Path, flags: int) -> int:
    """Return a descriptor of a path beneath the root. The root may itself be a link.

    Raises NoSuchObject if links led out of the root, or OSError. The path is looked up once, with descriptors that only
    locate a file (open(2), O_PATH). The kernel says where these are (proc(5), /proc/pid/fd), and the located file is
    opened. So a link that changes in the meantime does no harm, and nothing outside of the root is opened.
    """
    with (
        _closed(os.open(root, os.O_PATH | os.O_CLOEXEC)) as top,
        _closed(os.open(path.relative_to(root), os.O_PATH | os.O_CLOEXEC, dir_fd=top)) as located,
    ):
        if not _real_path(located).is_relative_to(_real_path(top)):
            raise NoSuchObject(f"{path} leads out of {root}: only links within the folder are followed")
        return os.open(_address(located), flags | os.O_CLOEXEC)


@contextmanager
def opened_within(root: Path, path: Path, flags: int) -> Iterator[int]:
    """Yield the descriptor of `open_within`, and close it at the end."""
    with _closed(open_within(root, path, flags)) as descriptor:
        yield descriptor


@contextmanager
def _closed(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _real_path(descriptor: int) -> Path:
    return Path(_address(descriptor)).readlink()


def _address(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"
