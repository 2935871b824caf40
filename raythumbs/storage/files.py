"""A folder as a store. An object is written to a file without a name, and gets its name when it is complete.

Symbolic links that lead out of the folder are refused. Every step uses descriptors that were checked (see `within.py`),
so a link that changes in the meantime does no harm.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from errno import EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from pathlib import Path
from secrets import token_hex
from stat import S_ISREG
from typing import BinaryIO

from raythumbs.errors import AccessDenied, NoSuchObject, RaythumbsError, StoreUnavailable, TooLarge
from raythumbs.storage.base import Fetched, Stat
from raythumbs.storage.walk import walk
from raythumbs.storage.within import open_within, opened_within

_UNFINISHED = ".unfinished"  # files between link and rename; a crash in between leaves one behind
_ABSENT = {ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP}  # the system's errors for a path that leads to no file
_RACES = 100


class FileStore:
    """Objects as files below `root`. The folder is made when it is first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: str, *, max_bytes: int, seconds: float) -> Fetched:
        """Open the file. Nothing is copied: it is read later, from the page cache."""
        del seconds  # opening does not wait
        path = self._path(key)
        with _looked_up(path):
            descriptor = open_within(self.root, path, os.O_RDONLY | os.O_NONBLOCK)  # does not wait on a named pipe
        try:
            found = _file(path, os.fstat(descriptor))
            _refuse_large(path, found, max_bytes)
            return Fetched(os.fdopen(descriptor, "rb"), found.st_size, _version(found))
        except BaseException:
            os.close(descriptor)
            raise

    def put(self, key: str, data: bytes, content_type: str, *, cache_control: str | None = None) -> None:
        """Write, sync, and rename into place."""
        del cache_control  # who serves the file says it
        with self.create(key, content_type) as file:
            file.write(data)

    @contextmanager
    def create(self, key: str, content_type: str) -> Iterator[BinaryIO]:
        """Write to a file that has no name yet, so that an unfinished file leaves nothing, even after a kill."""
        del content_type  # follows from the file's name
        path = self._path(key)
        with _translated(path):
            with self._unfinished() as unfinished:
                descriptor = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=unfinished)
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                os.fsync(descriptor)
                with self._unfinished() as unfinished:
                    self._name(descriptor, path, unfinished=unfinished)

    def head(self, key: str) -> Stat:
        """Return the facts of the file."""
        path = self._path(key)
        with _looked_up(path), opened_within(self.root, path, os.O_PATH) as descriptor:
            found = _file(path, os.fstat(descriptor))
        return Stat(key, found.st_size, _version(found), found.st_mtime)

    def delete(self, key: str) -> None:
        """Unlink the file, and the folders that it leaves empty."""
        path = self._path(key)
        with suppress(NoSuchObject), _looked_up(path), self._folder_of(path) as folder:
            os.unlink(path.name, dir_fd=folder)
        with suppress(OSError, NoSuchObject):  # the folder is not empty, or was just filled again
            for emptied in path.relative_to(self.root).parents[:-1]:
                with self._folder_of(self.root / emptied) as folder:
                    os.rmdir(emptied.name, dir_fd=folder)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Stat]:
        """Walk the folder. It holds the names of one folder and its parents at a time, not those of all files."""
        with _translated(self.root):
            for key in walk(self.root, prefix=prefix, after=after):
                if not key.startswith(f"{_UNFINISHED}/"):
                    with suppress(NoSuchObject):  # deleted since
                        yield self.head(key)

    def folders(self, prefix: str = "") -> Sequence[str]:  # noqa: ARG002 the protocol has it
        """Return nothing: a folder is walked once, in the order of its keys."""
        return ()

    def url(self, key: str) -> str:
        """Return the file's address; a browser on another machine needs the service's own address instead."""
        return f"file://{self._path(key)}"

    def link(self, key: str, *, seconds: int) -> str:  # noqa: ARG002 the protocol has it
        """Return the file's address, which needs no credentials."""
        return self.url(key)

    def check_here(self) -> None:
        """Do the same as `check`: a folder needs no network."""
        self.check()

    def check(self) -> None:
        """Return if the folder can be written to, and its disk is not full."""
        with _translated(self.root), self._unfinished() as unfinished:
            if not os.access(".", os.W_OK, dir_fd=unfinished, effective_ids=True):
                raise AccessDenied(f"{self.root} cannot be written to by user {os.geteuid()}")
            if shutil.disk_usage(self.root).free == 0:
                raise StoreUnavailable(f"the disk of {self.root} is full")

    def _unfinished(self) -> AbstractContextManager[int]:
        folder = self.root / _UNFINISHED
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
        return opened_within(self.root, folder, os.O_PATH | os.O_DIRECTORY)

    def _folder_of(self, path: Path) -> AbstractContextManager[int]:
        return opened_within(self.root, path.parent, os.O_RDONLY | os.O_DIRECTORY)

    def _name(self, descriptor: int, path: Path, *, unfinished: int) -> None:
        """Give a file its name. It first gets one among the unfinished files: only a rename replaces a file."""
        temporary = token_hex(8)
        # A directory descriptor makes Python call linkat with AT_SYMLINK_FOLLOW (open(2), "O_TMPFILE").
        os.link(f"/proc/self/fd/{descriptor}", temporary, dst_dir_fd=unfinished, follow_symlinks=True)
        try:
            self._place(temporary, path, unfinished=unfinished)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=unfinished)

    def _place(self, temporary: str, path: Path, *, unfinished: int) -> None:
        """Make the folder if it is missing, rename the file into it, and sync the folder.

        Try again if the folder vanishes in between: a delete beside this one removes empty folders.
        """
        for _ in range(_RACES):
            with suppress(FileNotFoundError):
                self._make(path.parent)
                with self._folder_of(path) as folder:
                    os.replace(temporary, path.name, src_dir_fd=unfinished, dst_dir_fd=folder)
                    os.fsync(folder)
                return
        raise StoreUnavailable(f"{path.parent} is removed again and again")

    def _make(self, folder: Path) -> None:
        """Make a folder and its parents, never outside of the store."""
        if folder == self.root or folder.is_dir():
            return
        self._make(folder.parent)
        with self._folder_of(folder) as parent, suppress(FileExistsError):
            os.mkdir(folder.name, dir_fd=parent)

    def _path(self, key: str) -> Path:
        path = Path(os.path.normpath(self.root / key))
        if not key or "\0" in key or not path.is_relative_to(self.root) or path == self.root:
            raise NoSuchObject(f"{key!r} is not a key of {self.root}")
        return path


def _file(path: Path, found: os.stat_result) -> os.stat_result:
    if not S_ISREG(found.st_mode):
        raise NoSuchObject(f"{path} is not a file")
    return found


def _refuse_large(path: Path, found: os.stat_result, max_bytes: int) -> None:
    if found.st_size > max_bytes:
        raise TooLarge(f"{path} has {found.st_size} bytes; at most {max_bytes} are read")


def _version(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"


@contextmanager
def _looked_up(path: Path) -> Iterator[None]:
    with _translated(path):
        try:
            yield
        except OSError as error:
            if error.errno in _ABSENT:
                raise NoSuchObject(f"{path}: {error.strerror}") from error
            raise


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except RaythumbsError:
        raise
    except PermissionError as error:
        raise AccessDenied(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from error
