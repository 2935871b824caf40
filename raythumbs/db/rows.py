"""Many rows in one statement, as each database takes them fastest."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult


def insert(
    connection: Connection, statement: Mapping[str, Any], rows: Sequence[Mapping[str, object]]
) -> CursorResult[Any]:
    """Run one of `statements` that are kept by dialect, with at least one row; each row has the statement's names."""
    if connection.dialect.name == "postgresql":
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return connection.execute(statement["postgresql"], columns)
    return connection.execute(statement["sqlite"], rows)
