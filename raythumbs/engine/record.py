"""The durable record as the engine uses it: reads and writes that can be awaited, the writes grouped into commits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from raythumbs.db.database import Connection, Database
from raythumbs.db.writer import Write, Writer

T = TypeVar("T")
_READERS = 4


class Record:
    """The database behind awaitable calls; nothing here blocks the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer(database)
        self._readers = ThreadPoolExecutor(_READERS, "reader")

    async def write(self, write: Write[T]) -> T:
        """Return the write's result once it is committed. It commits even if whoever asked stops waiting."""
        return await asyncio.shield(asyncio.wrap_future(self._writer.submit(write)))

    async def read(self, read: Callable[[Connection], T]) -> T:
        """Return what a read finds."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, read)

    def close(self) -> None:
        """Finish what was asked, and let go of the database."""
        self._writer.close()
        self._readers.shutdown()
        self._database.close()

    def _read(self, read: Callable[[Connection], T]) -> T:
        with self._database.reading() as connection:
            return read(connection)
