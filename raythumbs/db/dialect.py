"""The differences between SQLite and PostgreSQL: statements in two forms, and hints for their query planners.

Statements are built once, at import: building one costs more than running it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    CursorResult,
    FromClause,
    Select,
    String,
    Table,
    any_,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import NULLTYPE

Bound = BindParameter[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDialect:
    """One statement in two forms, one for each database."""

    sqlite: Any
    postgresql: Any

    def of(self, connection: Connection) -> Any:  # noqa: ANN401 the two have no type in common
        """Return the form for the connection's database."""
        return self.sqlite if is_sqlite(connection) else self.postgresql


def is_sqlite(connection: Connection) -> bool:
    """Return whether the connection's database is SQLite; otherwise it is PostgreSQL."""
    return connection.dialect.name == "sqlite"


# --- many rows in one statement


def insertion(build: Callable[[Any], Any], table: Table, *names: str) -> ByDialect:
    """Return an INSERT of many rows, for `for_each`; `build` adds its ON CONFLICT and RETURNING.

    Both databases spell ON CONFLICT alike, but SQLAlchemy keeps it in two places without a common type. PostgreSQL
    takes a thousand rows as one array for each column, in a third of the time that a parameter for each value needs.
    """
    rows = rows_of_arrays({name: table.c[name] for name in names})
    return ByDialect(
        sqlite=build(sqlite.insert(table)),
        postgresql=build(postgresql.insert(table).from_select(names, rows)),
    )


def rows_of_arrays(columns: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """Return a query that turns bound arrays into rows (PostgreSQL). The arrays have the types of these columns."""
    arrays = {
        name: bindparam(name, type_=postgresql.ARRAY(column.type, dimensions=1)) for name, column in columns.items()
    }
    return select(*(func.unnest(array).label(name) for name, array in arrays.items()))


def for_each(connection: Connection, statement: ByDialect, rows: Sequence[Mapping[str, object]]) -> CursorResult[Any]:
    """Run a statement for at least one row. The keys of each row are the names that the statement binds."""
    if is_sqlite(connection):
        return connection.execute(statement.sqlite, rows)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return connection.execute(statement.postgresql, columns)


# --- lists of values


def among(name: str) -> Any:  # noqa: ANN401 SQLAlchemy's own shorthand
    """Return a bound list, for `column.in_`. Each of its values is a parameter."""
    return bindparam(name, expanding=True)


def where_among(statement: Any, column: Any, name: str) -> ByDialect:  # noqa: ANN401 as above
    """Narrow a statement to the rows where the column has one of the bound values.

    PostgreSQL takes the values as one array, because it reads an array faster than a parameter for each value.
    """
    array = bindparam(name, type_=postgresql.ARRAY(String))
    return ByDialect(sqlite=statement.where(column.in_(among(name))), postgresql=statement.where(column == any_(array)))


def for_each_text(name: str, build: Callable[[FromClause], Any]) -> ByDialect:
    """Build a statement on a table of bound texts, whose only column is `value`. Bind them with `texts`."""
    array = func.unnest(bindparam(name, type_=postgresql.ARRAY(String)))
    return ByDialect(
        sqlite=build(func.json_each(bindparam(name)).table_valued("value")),
        postgresql=build(array.table_valued("value").render_derived()),
    )


def texts(connection: Connection, values: Sequence[str]) -> object:
    """Return texts as a statement of `for_each_text` binds them. SQLite's JSON would end a text at a NUL."""
    return json.dumps(values) if is_sqlite(connection) else list(values)


# --- hints for plans


class likely(GenericFunction[Any]):  # noqa: N801 SQLite's own name
    """A condition that most rows meet. Without this hint SQLite assumes that a state is rare (10 rows). It then reads
    all jobs of a state, although another index leads to the few that are wanted."""

    type = NULLTYPE  # as a Boolean it would be compared with 1, which hides the condition from SQLite
    inherit_cache = True


class guard(GenericFunction[Any]):  # noqa: N801 written like a function of SQL
    """A condition that checks rows which another condition finds, and never finds rows itself.

    PostgreSQL counts rows only now and then. It may believe that three jobs wait, and go through all of a million to
    find the ten whose ids it has.
    """

    type = NULLTYPE
    inherit_cache = True


@compiles(likely, "postgresql")
def _without_hint(condition: likely, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 the compiler's own
    return compiler.process(condition.clause_expr, **options)


@compiles(guard, "postgresql")
def _usable_by_no_index(condition: guard, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 as above
    return f"COALESCE({compiler.process(condition.clause_expr, **options)}, false)"


@compiles(guard, "sqlite")
def _with_hint(condition: guard, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 as above
    return f"likely{compiler.process(condition.clause_expr, **options)}"


# --- the time

NOW_BY_CLOCK = ByDialect(
    sqlite=select(literal_column("(julianday('now') - 2440587.5) * 86400.0")),
    postgresql=select(func.extract("epoch", func.clock_timestamp())),
)
