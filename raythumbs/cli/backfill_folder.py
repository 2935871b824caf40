"""Uploads the files of a folder of this machine at LOW priority, and leaves out those that the service has already.

The service knows them by the id of the folder, their path in it and their size, so nothing is remembered here.
"""

import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from fnmatch import translate
from http import HTTPStatus
from itertools import islice
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from raythumbs.cli.output import complaints, print_line
from raythumbs.client import Client, Refused, Unreachable, files_by_request
from raythumbs.model.folder import FOLDER_BYTES

_MOST_WAITING = 1000  # photos at LOW priority, before more are uploaded
_AGAIN_SECONDS = 2.0
_PATIENCE_SECONDS = 300.0  # with a service that is away
_FILES_AT_ONCE = 1000
_INTERRUPTED = 130
_PASSING = {429, 502, 503, 504}


def upload_folder(  # noqa: PLR0913 the options of a command
    client: Client, folder: Path, *, glob: str | None, since: str | None, limit: int | None, dry_run: bool
) -> int:
    """Upload what the service lacks; print the counts, and return how many files were refused."""
    folder_id = _folder_id(folder)
    is_wanted = _wanted_by(glob, since)
    total = sum(1 for path in _files(folder) if is_wanted(folder, path))
    there = {hash((photo["fileName"], photo["sizeBytes"])) for photo in client.photos_of_folder(folder_id)}
    files = (path for path in _files(folder) if is_wanted(folder, path))
    lacking = (path for path in files if hash((_name(folder, path), _size(path))) not in there)
    chosen = islice(lacking, limit)
    if dry_run:
        count = sum(1 for _ in chosen)
        print_line(f"{total} files, {count} to upload, {total - count} up to date or beyond the limit")
        return 0
    uploads = _Uploads(client, folder, folder_id)
    try:
        uploads.send_all(chosen, total=limit or total - min(total, len(there)))
    except KeyboardInterrupt:
        print_line("stopped; the same command goes on where this one was", to=complaints)
        raise typer.Exit(_INTERRUPTED) from None
    print_line(
        f"{uploads.uploaded} uploaded, {uploads.refused} refused; watch them: "
        f"raythumbs folder '{folder_id}' --watch --photos {max(1, len(there) + uploads.uploaded)}"
    )
    return uploads.refused


class _Uploads:
    """Sends files while few enough photos wait, and counts them."""

    def __init__(self, client: Client, folder: Path, folder_id: str) -> None:
        self._client = client
        self._folder = folder
        self._folder_id = folder_id
        self.uploaded = 0
        self.refused = 0

    def send_all(self, files: Iterator[Path], *, total: int) -> None:
        """Send all files, with a bar on a terminal."""
        columns = TextColumn("upload"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=complaints, transient=True, disable=not complaints.is_terminal) as bar:
            task = bar.add_task("upload", total=total)
            while some := list(islice(files, _FILES_AT_ONCE)):
                for request in files_by_request([path for path in some if self._is_readable(path)]):
                    self._send(request)
                    bar.update(task, completed=self.uploaded + self.refused)

    def _send(self, files: Sequence[Path]) -> None:
        """Send files in one request. If it is refused, send each alone: one bad file is no reason to refuse others."""
        names = [(_name(self._folder, path), path) for path in files]
        try:
            _patiently(self._await_room)
            _patiently(lambda: self._client.upload_low(names, folder_id=self._folder_id))
        except Refused as error:
            if error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                raise  # it refuses all of them
            if len(files) == 1:
                self._refuse(files[0], error.reason)
            for path in files if len(files) > 1 else ():
                self._send([path])
        else:
            self.uploaded += len(files)

    def _await_room(self) -> None:
        while self._client.status()["backlog"]["LOW"] >= _MOST_WAITING:
            time.sleep(_AGAIN_SECONDS)

    def _is_readable(self, path: Path) -> bool:
        try:
            size = path.stat().st_size
        except OSError as error:
            self._refuse(path, error.strerror or str(error))
            return False
        if not size:
            self._refuse(path, "the file is empty")
        return size > 0

    def _refuse(self, path: Path, reason: str) -> None:
        self.refused += 1
        print_line(f"{path}: {reason}", to=complaints)


def _patiently(ask: Callable[[], object]) -> None:
    """Ask again and again while the service is away or full, but not for ever."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            ask()
        except (Unreachable, Refused) as error:
            passes = isinstance(error, Unreachable) or error.status in _PASSING
            if not passes or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def _wanted_by(glob: str | None, since: str | None) -> Callable[[Path, Path], bool]:
    """Return whether a file of a folder was asked for."""
    pattern = re.compile(translate(glob)) if glob is not None else None
    earliest = datetime.fromisoformat(since).timestamp() if since is not None else None

    def is_wanted(folder: Path, path: Path) -> bool:
        matches = pattern is None or pattern.match(_name(folder, path)) is not None
        return matches and (earliest is None or _modified_at(path) >= earliest)

    return is_wanted


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder in a steady order. Hidden files and folders, and links to folders, are left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _name(folder: Path, path: Path) -> str:
    return os.fsencode(path.relative_to(folder)).decode(errors="replace")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it vanished: the upload says so
        return 0


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it vanished
        return 0.0


def _folder_id(folder: Path) -> str:
    """Return the id that the folder has in the service: this machine's name and the folder's path."""
    folder_id = f"{socket.gethostname()}:{os.fsencode(folder.resolve()).decode(errors='replace')}"
    if len(folder_id.encode()) > FOLDER_BYTES:
        raise typer.BadParameter(f"the path of {folder} is too long for the id of a folder")
    return folder_id
