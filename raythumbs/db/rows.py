"""Many rows in one statement, as each database takes them fastest."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult


def for_each(
    connection: Connection, statement: Mapping[str, Any], rows: Sequence[Mapping[str, object]]
) -> CursorResult[Any]:
    """Run a statement of `statements`, kept by dialect, for at least one row; each has the statement's names."""
    if connection.dialect.name == "postgresql":
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return connection.execute(statement["postgresql"], columns)
    return connection.execute(statement["sqlite"], rows)
