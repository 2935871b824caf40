"""INSERT ... ON CONFLICT, which SQLite and PostgreSQL spell alike and SQLAlchemy keeps in two places."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> Any:  # noqa: ANN401 either dialect's Insert; they share no type
    """Return an insert that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)
