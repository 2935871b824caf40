"""Statements that are compiled once in a process, whichever engine runs them.

An engine of SQLAlchemy keeps what it compiled, by dialect and statement. Each test has an engine of its own, which
would compile all statements again: a quarter of the CPU of tests at the doors.
"""

from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.base import Engine
from sqlalchemy.util import LRUCache

_DIALECTS = PGDialect_psycopg, SQLiteDialect_pysqlite
_compiled: LRUCache[Any, Any] = LRUCache(10_000)
_begin = Engine.__init__


def share() -> None:
    """Make all engines share what they compile. All servers of tests are of one version."""
    for dialect in _DIALECTS:
        dialect.__eq__ = lambda self, other: type(self) is type(other)
        dialect.__hash__ = lambda self: hash(type(self))
    Engine.__init__ = _begin_sharing


def _begin_sharing(engine: Engine, *arguments: Any, **options: Any) -> None:
    _begin(engine, *arguments, **options)
    engine._compiled_cache = _compiled
