"""The folder of a local Ray: only its owner can enter, and nothing is left when the owner has ended.

Ray makes its folder, and its sockets, accessible to everybody (mode 0777). It gets a folder within this one, which
stays closed.
"""

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from raythumbs.errors import BadSettings
from raythumbs.settings.sealed import without_secrets

_PLACE = Path("/tmp")  # noqa: S108 short, for HAProxy's socket (97 bytes); mkdtemp's name is new and cannot be guessed
_PREFIX = "raythumbs."
_PATIENCE_SECONDS = 10.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def owned_folder(place: Path = _PLACE) -> Iterator[Path]:
    """Give a new folder of this user alone, locked while this process lives; at the end it is removed.

    If this process is killed, a sweeper ends what runs in the folder and removes it. Folders that were left all the
    same (the sweeper was killed too) are removed at the next start.
    """
    for folder in place.glob(f"{_PREFIX}*"):
        _remove_left_behind(folder)
    folder, lock = _made_and_locked(place)
    try:
        with _swept_if_killed(folder):
            yield folder
    finally:
        end_all_in(folder)
        os.close(lock)


def refuse_open_to_others(folder: Path) -> None:
    """Raise BadSettings if the folder is another user's, or others may enter it, or it is no folder."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise BadSettings(f"{folder} belongs to another user: remove it")
    if found.st_mode & _OTHERS:
        raise BadSettings(f"{folder} is open to other users: chmod 700 {folder}")


def _made_and_locked(place: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # otherwise another process would take it for a leftover
            return folder, lock
        os.close(lock)


@contextmanager
def _swept_if_killed(folder: Path) -> Iterator[None]:
    """Have a process of its own session wait for the end of this one, and then clear the folder."""
    awaited, held = os.pipe()  # the sweeper reads its end when no process holds the other one any more
    sweeper = subprocess.Popen(  # noqa: S603 this file
        [sys.executable, "-P", "-m", "raythumbs.cluster.sweeper", str(folder)],
        stdin=awaited,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=without_secrets(os.environ),
        start_new_session=True,  # what a terminal sends to all of its processes is not for it
    )
    os.close(awaited)
    try:
        yield
    finally:
        sweeper.kill()  # what it would do is done by this process, which waits for it
        sweeper.wait()
        os.close(held)


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
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            end_all_in(folder)
    except BlockingIOError:  # its owner lives
        return
    finally:
        os.close(lock)


def _lives_in(folder: Path, process: psutil.Process) -> bool:
    """Return whether a process has a file in the folder open: not the folder, which who clears it up locks.

    psutil would tell more of each file, and take longer.
    """
    if process.pid == os.getpid():
        return False
    try:
        files = list(Path(f"/proc/{process.pid}/fd").iterdir())
    except OSError:  # it ended meanwhile, or is another user's
        return False
    return any(folder in _opened(file).parents for file in files)


def _opened(file: Path) -> Path:
    try:
        return file.readlink()
    except OSError:  # closed meanwhile
        return Path()
