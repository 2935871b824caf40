"""A PostgreSQL that goes away, that hangs, or whose answers are lost."""

import socket
import threading
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.errors import DatabaseUnavailable
from tests.db.conftest import a_request


@contextmanager
def opened(url, **given):
    database = Database(url.replace("postgresql://", "postgresql+psycopg://"), **given)
    database.open()
    try:
        yield database
    finally:
        database.close()


def enqueue(database, *requests):
    with database.writing() as connection:
        return list(Intake(connection).enqueue(requests, now=database.now(connection)).values())


def test_connections_are_made_again_after_a_restart_of_the_database(postgresql_url):
    with opened(postgresql_url) as database:
        enqueue(database, a_request(1))
        with psycopg.connect(postgresql_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid != pg_backend_pid()"
            )

        jobs = enqueue(database, a_request(2))

    assert [job.id for job in jobs] == ["job-000002"]


@pytest.mark.parametrize("hung", ["SELECT pg_sleep(60)", "DELETE FROM jobs"])
def test_a_hanging_statement_is_ended(postgresql_url, hung):
    with opened(postgresql_url, statement_seconds=0.5) as database, psycopg.connect(postgresql_url) as other:
        other.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(DatabaseUnavailable, match="timeout"), database.writing() as connection:
            connection.execute(text(hung))

        other.rollback()
        assert enqueue(database, a_request(1))


class Proxy:
    """A TCP proxy to PostgreSQL that can cut a connection when the answer to a commit comes back."""

    def __init__(self, url: str) -> None:
        self._server = urlsplit(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{self._server.port}/", f":{self._listener.getsockname()[1]}/")
        self.cuts = 0
        self._lost = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def cut_at_the_next_commit(self) -> None:
        self.cuts += 1

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._server.hostname, self._server.port))
                committing = threading.Event()
                for args in ((client, server, committing, True), (server, client, committing, False)):
                    threading.Thread(target=self._pass_on, args=args, daemon=True).start()

    def _pass_on(self, source, to, committing, outward) -> None:
        with suppress(OSError), closing(source), closing(to):
            while data := source.recv(65536):
                if outward and self.cuts and b"COMMIT" in data:
                    self.cuts -= 1
                    committing.set()
                if not outward and committing.is_set():
                    for end in (source, to):
                        end.shutdown(socket.SHUT_RDWR)
                    return
                to.sendall(data)


def test_a_repeated_commit_whose_answer_was_lost_makes_no_second_job(postgresql_url):
    proxy = Proxy(postgresql_url)
    with closing(proxy), opened(proxy.url) as database:
        proxy.cut_at_the_next_commit()
        with pytest.raises(DatabaseUnavailable):
            enqueue(database, a_request(1, event="event-1"))

        again = enqueue(database, a_request(2, source="s3://photos/000001.jpg", event="event-1"))

        with database.reading() as connection:
            jobs = connection.execute(text("SELECT id FROM jobs")).scalars().all()
    assert proxy.cuts == 0
    assert jobs == ["job-000001"]
    assert again == []
