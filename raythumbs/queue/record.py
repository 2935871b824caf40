"""The durable record as the engine uses it: reads and writes that can be awaited, the writes grouped into commits."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from raythumbs.db.database import Connection, Database
from raythumbs.db.writer import Write, Writer
from raythumbs.errors import DatabaseUnavailable
from raythumbs.events import emit_trouble

T = TypeVar("T")
_READERS = 4
_AGAIN_SECONDS = 0.5, 1.5


class Record:
    """The database behind awaitable calls; nothing here blocks the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer(database)
        self._readers = ThreadPoolExecutor(_READERS, "reader")

    async def write(self, write: Write[T]) -> T:
        """Return the write's result once it is committed. It commits even if whoever asked stops waiting."""
        return await asyncio.shield(asyncio.wrap_future(self._writer.submit(write)))

    async def insist(self, write: Write[T]) -> T:
        """Return the write's result, however long the database is away; only for what nobody would ask again."""
        while True:
            try:
                return await self.write(write)
            except DatabaseUnavailable as error:
                emit_trouble("write.repeated", error)
                await asyncio.sleep(random.uniform(*_AGAIN_SECONDS))  # noqa: S311 to spread, not to hide

    async def read(self, read: Callable[[Connection], T]) -> T:
        """Return what a read finds."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, read)

    @property
    def commits(self) -> int:
        """How many there were."""
        return self._writer.commits

    def close(self) -> None:
        """Finish what was asked, and let go of the database."""
        self._writer.close()
        self._readers.shutdown()
        self._database.close()

    def _read(self, read: Callable[[Connection], T]) -> T:
        with self._database.reading() as connection:
            return read(connection)
