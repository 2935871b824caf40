"""Temporary databases on a PostgreSQL server."""

import psycopg
import pytest

from raythumbs.db.scratch import scratch_database
from raythumbs.errors import BadSettings, DatabaseUnavailable


def databases(url) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_a_scratch_database_is_dropped_whatever_happens_and_no_other_is_touched(postgresql_url):
    before = databases(postgresql_url)

    with pytest.raises(ZeroDivisionError), scratch_database(postgresql_url) as url:
        made = databases(postgresql_url) - before
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE photos (id text)")
        raise ZeroDivisionError

    assert len(made) == 1
    assert url.endswith(made.pop())
    assert databases(postgresql_url) >= before - {url.rpartition("/")[2]}
    assert url.rpartition("/")[2] not in databases(postgresql_url)


@pytest.mark.parametrize("address", ["sqlite:///x.db", "nonsense", "mysql://here/x"])
def test_an_address_that_is_not_of_postgresql_is_refused(address):
    with pytest.raises(BadSettings), scratch_database(address):
        pass


def test_a_missing_server_is_reported():
    with pytest.raises(DatabaseUnavailable), scratch_database("postgresql://u:p@127.0.0.1:1/x"):
        pass
