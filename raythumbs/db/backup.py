"""Copies the record while the service works. Leaves a complete, checked copy, or none."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import mkstemp

from sqlalchemy import make_url

from raythumbs.db.sqlite_file import check, open_existing, sqlite_translated
from raythumbs.errors import BadSettings, DatabaseUnavailable

_PAGES_A_STEP = 10_000  # 40 MB; readers and the writer go on between two steps


def backup(url: str, to: Path) -> int:
    """Copy the SQLite record at `url` to a new file; return its bytes.

    Raises BadSettings if there is nothing to copy or something at `to`, DatabaseDamaged if a page is broken.
    """
    where = make_url(url)
    if where.get_backend_name() != "sqlite":
        raise BadSettings("the record is in PostgreSQL: copy it with pg_dump, or as its provider says")
    path = Path(str(where.database))
    if not path.exists():
        raise BadSettings(f"there is no record at {path}")
    if to.exists():
        raise BadSettings(f"{to} already exists: choose another name")
    try:
        descriptor, name = mkstemp(prefix=f".{to.name}.", dir=to.parent)
        os.close(descriptor)
        unfinished = Path(name)
        try:
            _copy(path, unfinished)
            os.link(unfinished, to)  # unlike a rename, it never replaces a file that appeared meanwhile
        finally:
            unfinished.unlink(missing_ok=True)
        return to.stat().st_size
    except OSError as error:
        raise DatabaseUnavailable(f"{to} cannot be written: {error.strerror}") from error


def _copy(path: Path, to: Path) -> None:
    with sqlite_translated(path), closing(open_existing(path)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy, pages=_PAGES_A_STEP)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        check(path, copy, seconds=None)
    with to.open("rb") as file:
        os.fsync(file.fileno())
