"""A folder as a store. Objects appear whole: written without a name, then linked to theirs."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from stat import S_ISREG
from typing import BinaryIO

from raythumbs.errors import AccessDenied, NoSuchObject, RaythumbsError, StoreUnavailable, TooLarge
from raythumbs.storage.base import Fetched, Stat

_UNFINISHED = ".unfinished"  # files between their link and their rename; a crash there leaves one behind


class FileStore:
    """Objects as files below `root`, which is made when it is first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: str, *, max_bytes: int, seconds: float) -> Fetched:
        """Open the file: what reads it later reads it from the page cache, so nothing is copied here."""
        del seconds  # opening does not wait
        path = self._path(key)
        with _translated(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # never waits on a named pipe
        try:
            found = os.fstat(descriptor)
            _refuse_unreadable(path, found, max_bytes)
            return Fetched(os.fdopen(descriptor, "rb"), found.st_size, _version(found))
        except BaseException:
            os.close(descriptor)
            raise

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write, sync, and rename into place."""
        with self.create(key, content_type) as file:
            file.write(data)

    @contextmanager
    def create(self, key: str, content_type: str) -> Iterator[BinaryIO]:
        """Write to a file that has no name yet: one that is never finished leaves nothing, even after a kill."""
        del content_type  # a file's name tells it
        path = self._path(key)
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self.root / _UNFINISHED
            unfinished.mkdir(exist_ok=True)
            descriptor = os.open(unfinished, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                os.fsync(descriptor)
                temporary = unfinished / token_hex(8)
                # A directory descriptor makes Python call linkat with AT_SYMLINK_FOLLOW (open(2), "O_TMPFILE").
                os.link(f"/proc/self/fd/{descriptor}", temporary, src_dir_fd=descriptor, follow_symlinks=True)
                temporary.replace(path)
            _sync_folder(path.parent)

    def head(self, key: str) -> Stat:
        """Look at the file."""
        path = self._path(key)
        with _translated(path):
            stat = path.stat()
        return Stat(key, stat.st_size, _version(stat))

    def delete(self, key: str) -> None:
        """Unlink the file, and the folders that it leaves empty."""
        path = self._path(key)
        with _translated(path):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # a folder that is not empty, or was just filled again
            for folder in path.relative_to(self.root).parents[:-1]:
                (self.root / folder).rmdir()

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """Walk the folder."""
        with _translated(self.root):
            paths = sorted(path for path in self.root.rglob("*") if path.is_file())
        for path in paths:
            key = path.relative_to(self.root).as_posix()
            if key.startswith(prefix) and not key.startswith(_UNFINISHED):
                yield self.head(key)

    def url(self, key: str) -> str:
        """Return the file's address; a browser on another machine needs the service's own address instead."""
        return f"file://{self._path(key)}"

    def path(self, key: str) -> Path:
        """Return where an object's file is, or raise NoSuchObject."""
        path = self._path(key)
        if not path.is_file():
            raise NoSuchObject(f"{path} does not exist")
        return path

    def check(self) -> None:
        """Return if the folder can be written to, and its disk is not full."""
        with _translated(self.root):
            unfinished = self.root / _UNFINISHED
            unfinished.mkdir(parents=True, exist_ok=True)
            if not os.access(unfinished, os.W_OK):
                raise AccessDenied(f"{self.root} cannot be written to by user {os.getuid()}")
            if shutil.disk_usage(self.root).free == 0:
                raise StoreUnavailable(f"the disk of {self.root} is full")

    def _path(self, key: str) -> Path:
        path = Path(os.path.normpath(self.root / key))
        if not key or not path.is_relative_to(self.root) or path == self.root:
            raise NoSuchObject(f"{key!r} is not a key of {self.root}")
        return path


def _refuse_unreadable(path: Path, found: os.stat_result, max_bytes: int) -> None:
    if not S_ISREG(found.st_mode):
        raise NoSuchObject(f"{path} is not a file")
    if found.st_size > max_bytes:
        raise TooLarge(f"{path} has {found.st_size} bytes; at most {max_bytes} are read")


def _version(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except RaythumbsError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoSuchObject(f"{path} does not exist") from error
    except PermissionError as error:
        raise AccessDenied(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from error
