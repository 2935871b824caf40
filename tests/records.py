"""New records that are migrated already: to migrate one takes longer than most tests that need one."""

from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from raythumbs.db.database import Database
from raythumbs.settings import Settings


def lay_record(settings: Settings) -> None:
    """Put an empty record into the data folder, unless there is one already or the record is elsewhere."""
    if settings.database is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lay_sqlite(settings.data_dir / "raythumbs.db")


def lay_sqlite(path: Path) -> None:
    """Put an empty record there, unless there is one already."""
    if not path.exists():
        path.write_bytes(_sqlite())


@cache
def _sqlite() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "record.db"
        _migrate(f"sqlite:///{path}")
        return path.read_bytes()


@cache
def postgresql_template(server: str) -> str:
    """Return the name of a database on this server that new ones can be copied from."""
    name = "migrated"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    _migrate(server.rpartition("/")[0].replace("postgresql://", "postgresql+psycopg://") + f"/{name}")
    return name


def _migrate(url: str) -> None:
    with closing(Database(url)) as database:
        database.open()
