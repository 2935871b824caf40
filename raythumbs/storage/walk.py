"""Walks a folder in the order of its files' keys, as a bucket lists them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def walk(root: Path, *, prefix: str = "", after: str = "") -> Iterator[str]:
    """Yield the keys of the files below `root` that start with `prefix` and are above `after`, in their order.

    Folders that can hold no such key are not read. Links to folders are not followed. Folders that vanish or
    cannot be read are left out. Raises OSError if the root is there and cannot be read.
    """
    if not root.is_dir():
        return
    waiting = [iter(_children(root, ""))]
    while waiting:
        child = next(waiting[-1], None)
        if child is None:
            waiting.pop()
        elif not child.endswith("/"):
            if child > after and child.startswith(prefix):
                yield child
        elif _may_hold(child, prefix=prefix, after=after):
            with suppress(OSError):
                waiting.append(iter(_children(root, child)))


def _may_hold(folder: str, *, prefix: str, after: str) -> bool:
    """Return whether a key that is wanted may start with `folder`, which ends with a slash."""
    is_above = folder > after or after.startswith(folder)
    return is_above and (folder.startswith(prefix) or prefix.startswith(folder))


def _children(root: Path, folder: str) -> list[str]:
    """Return the keys of the files of a folder, and its folders' with a slash, which sorts them as their keys sort."""
    with os.scandir(root / folder) as entries:
        return sorted(
            f"{folder}{entry.name}/" if entry.is_dir(follow_symlinks=False) else f"{folder}{entry.name}"
            for entry in entries
            if entry.is_dir(follow_symlinks=False) or entry.is_file()
        )
