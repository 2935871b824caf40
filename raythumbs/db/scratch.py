"""A temporary database on a PostgreSQL server."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import create_engine, make_url

from raythumbs.db.faults import translated
from raythumbs.errors import BadSettings


@contextmanager
def scratch_database(server: str) -> Iterator[str]:
    """Create a database beside the one at `server`, yield its address, and drop it at the end. No other is touched.

    Raises BadSettings if `server` is no PostgreSQL's address or its user may not create a database, and
    DatabaseUnavailable if the server cannot be reached or refuses the login.
    """
    if not server.startswith(("postgresql://", "postgresql+psycopg://")):
        raise BadSettings("not an address of PostgreSQL: write postgresql://USER:PASSWORD@HOST/NAME")
    url = make_url(server)
    name = f"raythumbs_bench_{uuid4().hex[:12]}"
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with translated(url), engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
        finally:
            with translated(url), engine.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        engine.dispose()
