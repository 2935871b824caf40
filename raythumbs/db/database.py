"""A connection to SQLite or PostgreSQL, and the two ways to use it: to read, and to write."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from raythumbs.db.sqlite_file import damaged, is_damage, lock, refuse_damaged, refuse_network
from raythumbs.db.statements import POSTGRESQL_NOW, SQLITE_NOW
from raythumbs.errors import BadSettings, DatabaseUnavailable, Unstorable
from raythumbs.settings import without_password

__all__ = ["Connection", "Database"]

_MIGRATIONS = Path(__file__).parent / "migrations"
_STATEMENT_SECONDS = 10
_ONE_MIGRATES = select(func.pg_advisory_xact_lock(0x7261797468756D62))  # any number that nobody else would take
_CACHE_KIB = 16_000, 2_000  # of SQLite, to write with and to read with: the pages where a full record's indexes grow

_POSTGRESQL = {
    "statement_timeout": f"'{_STATEMENT_SECONDS}s'",
    "lock_timeout": f"'{_STATEMENT_SECONDS}s'",
    # What the queue asks for is found by an index, in its order. Any other plan is one for a table that was small when
    # it was last counted, and goes through all that waits: 75 ms instead of 4 to read 1,280 jobs among 90,000.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",  # a plan that cannot do without one of these looks as costly as a year of work, and would be compiled
}


class Database:
    """The durable record at `url`. Errors of the database's library leave it as DatabaseUnavailable."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._lock: int | None = None
        try:
            if self._url.get_backend_name() == "sqlite":
                self._writers, self._readers = (self._sqlite(cache_kib=size) for size in _CACHE_KIB)
            else:
                self._writers = self._readers = self._postgresql()
        except ImportError as error:
            raise BadSettings(f"{_shown(self._url)} needs a driver: .venv/bin/pip install '.[postgres]'") from error

    def open(self) -> None:
        """Take the database for this process alone (SQLite), and bring its schema up to date."""
        try:
            if self._url.get_backend_name() == "sqlite":
                self._take(Path(str(self._url.database)))
            with self.writing() as connection:
                if connection.dialect.name == "postgresql":  # where several queues may open it at one time
                    connection.execute(_ONE_MIGRATES)
                migrate(connection)
        except CommandError as error:
            self.close()
            raise self._newer(error) from error
        except BaseException:
            self.close()  # else whoever opens it again would find it in use
            raise

    def check(self) -> None:
        """Return if it can be reached and is not newer than this program. It is left as it is, whoever else uses it."""
        with self.reading() as connection:
            try:
                revision = MigrationContext.configure(connection).get_current_revision()
                if revision:
                    ScriptDirectory.from_config(_config()).get_revision(revision)
            except CommandError as error:
                raise self._newer(error) from error

    def close(self) -> None:
        """Let go of every connection, and of the lock."""
        self._readers.dispose()
        self._writers.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction that commits at the end. SQLite: one at a time."""
        with translated(self._url), self._writers.begin() as connection:
            yield connection

    @contextmanager
    def apart(self, connection: Connection) -> Iterator[None]:
        """Let what is written in this context be undone alone, if it fails, within a transaction that goes on."""
        with translated(self._url), connection.begin_nested():
            yield

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read with; it does not wait for a writer."""
        with (
            translated(self._url),
            self._readers.connect().execution_options(reading=True) as connection,
        ):
            yield connection

    def now(self, connection: Connection) -> float:
        """Return the database's own time, in UTC seconds since 1970: nodes' clocks differ, it has but one."""
        here = SQLITE_NOW if connection.dialect.name == "sqlite" else POSTGRESQL_NOW
        return float(connection.execute(here).scalar_one())

    def _newer(self, error: CommandError) -> BadSettings:
        return BadSettings(f"{_shown(self._url)} was written by a newer raythumbs: {error}")

    def _take(self, path: Path) -> None:
        self._lock = lock(path)
        refuse_network(path.parent)
        refuse_damaged(path)

    def _sqlite(self, *, cache_kib: int) -> Engine:
        # The last one used is used next: what a connection has in its cache is worthless once another has written.
        there = {"timeout": _STATEMENT_SECONDS, "check_same_thread": False}
        engine = create_engine(self._url, pool_use_lifo=True, connect_args=there)
        pragmas = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"cache_size = -{cache_kib}")

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 the driver's own
            connection.isolation_level = None  # we say when a transaction begins
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # A write begins as one: SQLite refuses to turn a reading transaction into a writing one while others write.
            reading = connection.get_execution_options().get("reading")
            connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

        return engine

    def _postgresql(self) -> Engine:
        engine = create_engine(
            self._url,
            pool_pre_ping=True,
            pool_timeout=_STATEMENT_SECONDS,
            connect_args={
                "connect_timeout": 5,
                "tcp_user_timeout": 1000
                * _STATEMENT_SECONDS,  # a server that is cut off, where no timer of its own runs
                "prepare_threshold": None,  # prepared statements do not survive a transaction pooler
            },
        )

        settings = "; ".join(f"SET LOCAL {name} = {value}" for name, value in _POSTGRESQL.items())

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # Not at connect: a pooler refuses options there, and gives each transaction another session.
            connection.exec_driver_sql(settings)

        return engine


def migrate(connection: Connection, to: str = "head") -> None:
    """Bring the schema forward to a revision, within the connection's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _shown(url: URL) -> str:
    return without_password(url.render_as_string(hide_password=False))  # a query's too, which SQLAlchemy would show


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Translate the errors of the database's library; `url` tells which database, its password is not shown."""
    shown = _shown(url)
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise Unstorable(f"the database refuses a value: {error.orig}") from error
    except OverflowError as error:  # SQLite's driver, of an integer beyond 64 bits
        raise Unstorable(f"the database refuses a value: {error}") from error
    except DBAPIError as error:
        if is_damage(error.orig):
            raise damaged(Path(str(url.database)), f"is damaged ({error.orig})") from error
        raise DatabaseUnavailable(f"{shown}: {error.orig}") from error
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(f"{shown}: {error}") from error
