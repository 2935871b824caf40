"""The connections to SQLite or PostgreSQL, for reading and for writing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select, text

from raythumbs.db.dialect import NOW_BY_CLOCK, is_sqlite
from raythumbs.db.faults import shown_address, translated
from raythumbs.db.outbox import OPTION, Outbox, begin_outbox
from raythumbs.db.revisions import NEWEST, REVISIONS, revision_of
from raythumbs.db.sqlite_file import lock, refuse_damaged, refuse_network
from raythumbs.errors import BadSettings
from raythumbs.model.webhook import Webhooks

__all__ = ["Connection", "Database"]

STATEMENT_SECONDS = 10.0
_ONE_MIGRATES = select(func.pg_advisory_xact_lock(0x7261797468756D62))  # an arbitrary number for the lock
_WITHOUT_LIMIT = text("SET LOCAL statement_timeout = 0")  # a statement that goes through a full table takes minutes
_CACHE_KIB = 16_000, 2_000  # SQLite, for writing and for reading: holds the pages where a full record's indexes grow

_POSTGRESQL = {
    # Every query of the queue reads an index, in its order. PostgreSQL chooses another plan if the table was small when
    # it was last counted; that plan goes through all waiting jobs: 75 ms instead of 4 to read 1,280 jobs among 90,000.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",  # PostgreSQL gives a plan with a step that is off here a huge cost, so it would compile the plan
}


class Database:
    """The database at `url`. It raises errors of raythumbs instead of its library's; see `faults.py`.

    A statement that waits or works for more than `statement_seconds` ends as an outage; those of a migration may work
    longer. `webhooks` are those that hear of jobs that end; see `outbox.py`.
    """

    def __init__(
        self, url: str, *, statement_seconds: float = STATEMENT_SECONDS, webhooks: Webhooks | None = None
    ) -> None:
        self._url = make_url(url)
        self._statement_seconds = statement_seconds
        self._lock: int | None = None
        try:
            if self._url.get_backend_name() == "sqlite":
                self._writers, self._readers = (self._sqlite(cache_kib=size) for size in _CACHE_KIB)
            else:
                self._writers = self._readers = self._postgresql()
            self._writers = self._writers.execution_options(**{OPTION: webhooks})
        except ImportError as error:
            raise BadSettings(
                f"{shown_address(self._url)} needs a driver: .venv/bin/pip install '.[postgres]'"
            ) from error

    def open(self) -> None:
        """Lock the database for this process (SQLite), and migrate its schema."""
        try:
            if self._url.get_backend_name() == "sqlite":
                self._take(Path(str(self._url.database)))
            with self.writing() as connection:
                if not is_sqlite(connection):  # PostgreSQL: several queues may open it at one time
                    connection.execute(_ONE_MIGRATES)
                    connection.execute(_WITHOUT_LIMIT)
                if self._known_revision(connection) != NEWEST:
                    from raythumbs.db.migrating import migrate  # which takes long to import, see revisions.py

                    migrate(connection)
        except BaseException:
            self.close()  # otherwise the file stays locked
            raise

    def check(self) -> None:
        """Raise if the database cannot be reached or is newer than this program. Change nothing: it may be in use."""
        with self.reading() as connection:
            self._known_revision(connection)

    def close(self) -> None:
        """Close every connection, and release the lock."""
        self._readers.dispose()
        self._writers.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction that commits at the end. With SQLite there is one at a time."""
        with translated(self._url), self._writers.begin() as connection:
            begin_outbox(connection)
            yield connection
            Outbox(connection).finish()

    @contextmanager
    def apart(self, connection: Connection) -> Iterator[None]:
        """Undo what this context writes if it raises. The transaction around it goes on."""
        with translated(self._url), connection.begin_nested():
            yield

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection for reading. It does not wait for a writer."""
        with (
            translated(self._url),
            self._readers.connect().execution_options(reading=True) as connection,
        ):
            yield connection

    def now(self, connection: Connection) -> float:
        """Return the database's own time, in UTC seconds since 1970. The clocks of nodes differ; the database has
        one."""
        return float(connection.execute(NOW_BY_CLOCK.of(connection)).scalar_one())

    def _known_revision(self, connection: Connection) -> str | None:
        revision = revision_of(connection)
        if revision not in {None, *REVISIONS}:
            written = f"its schema has the revision {revision}, the newest that is known here is {NEWEST}"
            raise BadSettings(f"{shown_address(self._url)} was written by a newer raythumbs: {written}")
        return revision

    def _take(self, path: Path) -> None:
        self._lock = lock(path)
        refuse_network(path.parent)
        refuse_damaged(path)

    def _sqlite(self, *, cache_kib: int) -> Engine:
        # LIFO: the connection used last is used next, because its cache is lost once another connection has written.
        there = {"timeout": self._statement_seconds, "check_same_thread": False}
        engine = create_engine(self._url, pool_use_lifo=True, connect_args=there)
        pragmas = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"cache_size = -{cache_kib}")

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 the driver's own
            connection.isolation_level = None  # `_begin` below begins transactions
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # A transaction that will write says so at its start: SQLite does not let a reader write while others do.
            reading = connection.get_execution_options().get("reading")
            connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

        return engine

    def _postgresql(self) -> Engine:
        milliseconds = round(1000 * self._statement_seconds)
        engine = create_engine(
            self._url,
            pool_pre_ping=True,
            pool_timeout=self._statement_seconds,
            connect_args={
                "connect_timeout": 5,
                # for a server that is cut off from the network, whose own time limits do not help
                "tcp_user_timeout": milliseconds,
                "prepare_threshold": None,  # prepared statements do not survive a transaction pooler
            },
        )

        limits = {"statement_timeout": str(milliseconds), "lock_timeout": str(milliseconds)}
        settings = "; ".join(f"SET LOCAL {name} = {value}" for name, value in (limits | _POSTGRESQL).items())

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            # Not when connecting: a pooler refuses options there, and gives each transaction another session.
            connection.exec_driver_sql(settings)

        return engine
