"""The folder that a Ray of one's own lives in: one owner, and nothing is left of it when the owner is gone."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_PLACE = Path("/tmp")  # noqa: S108 short, for HAProxy's socket (97 bytes); the folder in it is of this user alone
_PREFIX = "raythumbs."
_PATIENCE_SECONDS = 10.0


@contextmanager
def owned_folder() -> Iterator[Path]:
    """Give a new folder, locked while this process lives; at the end it is removed.

    Folders whose owner was killed are removed too, and what still runs in them is ended.
    """
    for folder in _PLACE.glob(f"{_PREFIX}*"):
        _remove_left_behind(folder)
    folder, lock = _made_and_locked()
    try:
        yield folder
    finally:
        end_all_in(folder)
        os.close(lock)


def _made_and_locked() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_PLACE))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else another process took it for one that was left behind
            return folder, lock
        os.close(lock)


def end_all_in(folder: Path) -> None:
    """Kill every other process that has a file of the folder open, wait for their end, and remove the folder."""
    living = [process for process in psutil.process_iter() if _lives_in(folder, process)]
    for process in living:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(living, timeout=_PATIENCE_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_left_behind(folder: Path) -> None:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)  # a pipe would be waited for
    except OSError:  # another user's, or no folder
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        end_all_in(folder)
    except BlockingIOError:  # its owner lives
        return
    finally:
        os.close(lock)


def _lives_in(folder: Path, process: psutil.Process) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        return any(Path(file.path).is_relative_to(folder) for file in process.open_files())
    except psutil.Error:  # it ended meanwhile, or is another user's
        return False
