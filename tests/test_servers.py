"""The servers that the other tests stand on."""

import psycopg

from raythumbs.bench import servers


def test_the_packaged_postgresql_works_where_the_machine_has_none(monkeypatch):
    monkeypatch.setattr(servers, "machines_postgresql", lambda: None)

    with servers.postgresql_server() as server, psycopg.connect(server.address) as connection:
        (version,) = connection.execute("SHOW server_version").fetchone()

    assert int(version.split(".")[0]) >= 14
