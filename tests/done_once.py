"""What libraries would do again for each test, or in each new checkout, and do once in a process of pytest."""

import sys
from contextlib import suppress
from functools import cache
from typing import Any

import botocore.session
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.base import Engine


def share_models() -> None:
    """Let all sessions of botocore share what they read: a megabyte of JSON for the first client of each."""
    botocore.session.create_loader = cache(botocore.session.create_loader)


def share_statements() -> None:
    """Let all engines of SQLAlchemy share the statements that they compile. All servers of tests are of one version.

    An engine keeps what it compiled, by dialect and statement. Each test has an engine of its own, which would compile
    all statements again: a quarter of the CPU of tests at the doors.
    """
    for dialect in (PGDialect_psycopg, SQLiteDialect_pysqlite):
        dialect.__eq__ = lambda self, other: type(self) is type(other)
        dialect.__hash__ = lambda self: hash(type(self))
    begin = Engine.__init__
    compiled: dict[Any, Any] = {}

    def begin_sharing(engine: Engine, *arguments: Any, **options: Any) -> None:
        begin(engine, *arguments, **options)
        engine.update_execution_options(compiled_cache=compiled)

    Engine.__init__ = begin_sharing


def know_utf_8() -> None:
    """Tell Hypothesis which characters UTF-8 has: all but the surrogates. Each one is decoded to itself.

    In a new checkout it would encode each of a million characters. A Hypothesis with other parts does so again.
    """
    with suppress(ImportError, AttributeError):
        from hypothesis.internal import charmap
        from hypothesis.internal.intervalsets import IntervalSet

        of_utf_8 = IntervalSet([(0, 0xD7FF), (0xE000, sys.maxunicode)]), IntervalSet([])
        of_codec = charmap.intervals_from_codec
        charmap.intervals_from_codec = lambda codec: of_utf_8 if codec == "utf-8" else of_codec(codec)
