"""Records on PostgreSQL that serve one test after the other: to copy a database and to drop it takes far longer than to
empty it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from raythumbs.db.schema import metadata, sharding
from tests.conftest import a_database, drop_database, new_database
from tests.records import postgresql_template

_LARGE_BYTES = 2 << 20  # of rows, which take long to delete
_TABLES = [table.name for table in reversed(metadata.sorted_tables) if table is not sharding]
_SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
# What a test may have changed beside the rows that are deleted.
_THE_REST = """
    SELECT (SELECT array_agg(version_num) FROM alembic_version), (SELECT array_agg(shards) FROM sharding),
           (SELECT array_agg((relname, reloptions)::text ORDER BY relname) FROM pg_class
             WHERE relnamespace = 'public'::regnamespace),
           (SELECT array_agg(tgname ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal)
"""
_idle: dict[str, list[str]] = {}  # by server
_new: dict[str, Any] = {}  # the rest of a new record, by server


@contextmanager
def emptied(server: str) -> Iterator[str]:
    """The address of a record that is as new."""
    idle = _idle.setdefault(server, [])
    address = idle.pop() if idle else new_database(server, template=postgresql_template(server))
    yield address
    if _is_as_new(server, address):
        idle.append(address)
    else:
        drop_database(address)


def _is_as_new(server: str, address: str) -> bool:
    """Empty the record; return False if that takes long, or if it is not enough."""
    with psycopg.connect(address) as connection:
        connection.execute("SET lock_timeout = '2s'")
        if connection.execute(_SIZE).fetchone()[0] > _LARGE_BYTES:
            return False
        try:
            connection.execute(";".join(f"DELETE FROM {table}" for table in _TABLES))
        except psycopg.Error:
            return False
        return connection.execute(_THE_REST).fetchone() == _rest_of_a_new_one(server)


def _rest_of_a_new_one(server: str) -> Any:
    if server not in _new:
        with (
            a_database(server, template=postgresql_template(server)) as address,
            psycopg.connect(address) as connection,
        ):
            _new[server] = connection.execute(_THE_REST).fetchone()
    return _new[server]
