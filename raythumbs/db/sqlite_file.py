"""The file of a SQLite record: checks that locks work on its file system, that no other process uses it, and that it is
not damaged."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_IRWXO

from raythumbs.errors import BadSettings, DatabaseDamaged, DatabaseUnavailable
from raythumbs.events import emit

_MOUNTS = Path("/proc/self/mountinfo")
# SQLite's locks and shared memory do not work there (sqlite.org/wal.html: "all processes must be on the same host").
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs"})
_NETWORK_FUSE = frozenset({"sshfs", "glusterfs", "ceph", "s3fs", "gcsfuse", "rclone", "juicefs", "mount-s3", "goofys"})
# 500 MB (930,000 jobs) take 0.4 s from memory, 4 s from a disk of 127 MB/s. Callers wait 5 s for the queue.
_CHECK_SECONDS = 4.0


def lock(path: Path) -> int:
    """Make the folder, and lock the file for this process until the returned descriptor is closed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _keep_from_others(path)
    except OSError as error:
        raise DatabaseUnavailable(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise DatabaseUnavailable(
            f"{path} is in use by another raythumbs: stop it, or choose another folder"
        ) from error
    return descriptor


def _keep_from_others(path: Path) -> None:
    """Create the record for this user alone. Remove other users' access to an existing one and its log."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with suppress(FileNotFoundError, PermissionError):  # an older version may have made it as another user
            _close_to_others(file)


def _close_to_others(file: Path) -> None:
    # The descriptor makes sure that the file that is looked at is the one that is changed. It only locates the file:
    # closing a descriptor that can read would release SQLite's locks on the file (fcntl(2)).
    located = os.open(file, os.O_PATH | os.O_CLOEXEC)
    try:
        mode = S_IMODE(os.fstat(located).st_mode)
        if mode & S_IRWXO:
            Path(f"/proc/self/fd/{located}").chmod(mode & ~S_IRWXO)
    finally:
        os.close(located)


def refuse_network(folder: Path, *, mounts: Path = _MOUNTS) -> None:
    """Raise BadSettings if the folder is on a network file system. `mounts` is the mount table of proc(5)."""
    device = folder.stat().st_dev
    for mount in mounts.read_text(errors="replace").splitlines() if mounts.exists() else ():
        left, _, right = mount.partition(" - ")
        kind = right.split(" ")[0]
        is_shared = kind in _NETWORK or kind.removeprefix("fuse.") in _NETWORK_FUSE
        if is_shared and left.split(" ")[2] == f"{os.major(device)}:{os.minor(device)}":
            raise BadSettings(
                f"{folder} is on a network file system ({kind}), where SQLite loses data:"
                " set RAYTHUMBS_DATABASE to a file on a local disk, or to a PostgreSQL"
            )


def refuse_damaged(path: Path, *, seconds: float = _CHECK_SECONDS) -> None:
    """Raise DatabaseDamaged if the file is no database, or a damaged one. The file is not changed.

    It reads pages for at most `seconds`, so the end of a large file is not checked. A damaged page there raises
    DatabaseDamaged when it is first used. `raythumbs backup` reads every page.
    """
    log = path.with_name(path.name + "-wal")
    if path.exists() and path.stat().st_size:
        with sqlite_translated(path), closing(open_existing(path)) as connection:
            check(path, connection, seconds=seconds)
    elif log.exists() and log.stat().st_size:  # SQLite would begin a new record here, and delete the old one's log
        raise damaged(path, "is missing or empty, but its write-ahead log is there")


def open_existing(path: Path) -> sqlite3.Connection:
    """Open a file that exists; never create one."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, check_same_thread=False)


def check(path: Path, connection: sqlite3.Connection, *, seconds: float | None) -> None:
    """Read pages until all are read or the seconds are over. Raise DatabaseDamaged if one is broken."""
    timer = threading.Timer(seconds or threading.TIMEOUT_MAX, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        emit("database.check_cut", seconds=seconds, size_bytes=path.stat().st_size)
        return
    finally:
        timer.cancel()
        timer.join()
    if found != "ok":
        raise damaged(path, f"is damaged ({' '.join(found.split())})")


def damaged(path: Path, what: str) -> DatabaseDamaged:
    """Return the error that says what is wrong with the file and what to do."""
    return DatabaseDamaged(
        f"{path} {what}: stop raythumbs, move {path.name}* out of the way, and put a backup in its place"
        " (see `raythumbs backup`); without one it begins with an empty record"
    )


@contextmanager
def sqlite_translated(path: Path) -> Iterator[None]:
    """Translate the errors of SQLite's driver."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise damaged(path, f"is damaged ({error})") from error
        raise DatabaseUnavailable(f"{path}: {error}") from error


def is_damage(error: BaseException | None) -> bool:
    """Return whether an error of SQLite means that the file is no database, or a damaged one."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the other bits say where: sqlite.org/rescode.html
    return primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
