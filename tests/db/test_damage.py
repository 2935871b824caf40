"""SQLite records that are broken, locked, full or in the wrong place; and backups."""

import os
import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import text

from raythumbs.db.backup import backup
from raythumbs.db.database import Database
from raythumbs.db.sqlite_file import refuse_network
from raythumbs.errors import BadSettings, DatabaseDamaged, DatabaseUnavailable

PAGE = 4096


@pytest.fixture
def path(tmp_path):
    """A record of some pages, closed."""
    path = tmp_path / "record.db"
    with closing_database(path) as database, database.writing() as connection:
        connection.execute(
            text("INSERT INTO events (id, seen_at) VALUES (:id, 1)"), [{"id": f"{n:0200}"} for n in range(2000)]
        )
    return path


class closing_database:  # noqa: N801 used as contextlib's closing is
    def __init__(self, path, **given) -> None:
        self._database = Database(f"sqlite:///{path}", **given)

    def __enter__(self) -> Database:
        self._database.open()
        return self._database

    def __exit__(self, *_) -> None:
        self._database.close()


def events(path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM events").fetchone()[0]


def overwritten(path, *, at, by) -> bytes:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(by)
    return path.read_bytes()


def test_a_file_that_is_no_database_is_refused_and_not_changed(tmp_path):
    path = tmp_path / "record.db"
    path.write_bytes(b"Dear diary, " * 1000)

    with pytest.raises(
        DatabaseDamaged, match=r"record.db is damaged .*stop raythumbs, move record.db\* out of the way"
    ):
        Database(f"sqlite:///{path}").open()

    assert path.read_bytes() == b"Dear diary, " * 1000


@pytest.mark.parametrize("page", [0, 5, 40])
def test_a_file_with_a_broken_page_is_refused_and_not_changed(path, page):
    before = overwritten(path, at=page * PAGE, by=os.urandom(PAGE))

    with pytest.raises(DatabaseDamaged, match="put a backup in its place"):
        Database(f"sqlite:///{path}").open()

    assert path.read_bytes() == before


def test_a_truncated_file_is_refused(path):
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE)

    with pytest.raises(DatabaseDamaged):
        Database(f"sqlite:///{path}").open()


def test_an_empty_file_is_a_new_record(tmp_path):
    (tmp_path / "record.db").touch()  # what a kill leaves before the first page is written

    with closing_database(tmp_path / "record.db"):
        pass

    assert events(tmp_path / "record.db") == 0


@pytest.mark.parametrize("is_missing", [True, False])
def test_a_log_without_its_file_is_not_deleted_for_a_new_record(tmp_path, is_missing):
    log = tmp_path / "record.db-wal"
    log.write_bytes(b"what was accepted last")
    if not is_missing:
        (tmp_path / "record.db").touch()

    with pytest.raises(DatabaseDamaged, match="write-ahead log is there"):
        Database(f"sqlite:///{tmp_path}/record.db").open()

    assert log.read_bytes() == b"what was accepted last"


def test_a_page_that_breaks_later_is_reported_when_it_is_read(path):
    with closing_database(path) as database:
        overwritten(path, at=PAGE, by=os.urandom(path.stat().st_size - PAGE))

        with pytest.raises(DatabaseDamaged), database.reading() as connection:
            connection.execute(text("SELECT count(id) FROM events NOT INDEXED")).scalar_one()


def test_a_repaired_file_can_be_opened_by_the_same_process(path, tmp_path):
    backup(f"sqlite:///{path}", tmp_path / "copy")
    overwritten(path, at=0, by=bytes(PAGE))
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseDamaged):
        database.open()

    (tmp_path / "copy").replace(path)
    database.open()

    database.close()
    assert events(path) == 2000


def test_a_file_that_others_lock_is_unavailable_until_they_release_it(path):
    with (
        closing_database(path, statement_seconds=0.2) as database,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="locked"), database.writing() as connection:
            connection.execute(text("DELETE FROM events"))
        other.execute("ROLLBACK")

        with database.writing() as connection:
            connection.execute(text("DELETE FROM events"))

    assert events(path) == 0


def test_a_full_disk_refuses_a_whole_write_and_accepts_it_when_there_is_space(path):
    many = [{"id": f"new {n:0400}"} for n in range(2000)]
    insert = text("INSERT INTO events (id, seen_at) VALUES (:id, 1)")
    with closing_database(path) as database:
        with pytest.raises(DatabaseUnavailable, match="full"), database.writing() as connection:
            connection.execute(text("PRAGMA max_page_count = 1"))  # SQLite's own way to have no more space: now is all
            connection.execute(insert, many)
        refused = events(path)

        with database.writing() as connection:
            connection.execute(text("PRAGMA max_page_count = 1000000"))
            connection.execute(insert, many)

    assert (refused, events(path)) == (2000, 4000)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "fuse.s3fs"])
def test_a_network_file_system_is_refused(tmp_path, kind):
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "21 1 0:999 / /elsewhere rw - nfs server:/ rw\n"
        f"36 35 {os.major(device)}:{os.minor(device)} / {tmp_path} rw,noatime master:1 - {kind} server:/export rw\n"
    )

    with pytest.raises(BadSettings, match=f"network file system .{kind}.*RAYTHUMBS_DATABASE "):
        refuse_network(tmp_path, mounts=mounts)


def test_a_network_file_system_elsewhere_does_not_matter(tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_text("21 1 0:999 / /elsewhere rw - nfs server:/ rw\n")

    refuse_network(tmp_path, mounts=mounts)
    refuse_network(tmp_path, mounts=tmp_path / "no-such-table")


def test_a_backup_made_during_writes_is_complete(path, tmp_path):
    done = threading.Event()
    written = []

    def write(database):
        while not done.is_set():
            number = len(written)
            with database.writing() as connection:
                connection.execute(
                    text("INSERT INTO events (id, seen_at) VALUES (:a, 1), (:b, 1)"),
                    {"a": f"a{number}", "b": f"b{number}"},
                )
            written.append(number)

    with closing_database(path) as database:
        writer = threading.Thread(target=write, args=(database,))
        writer.start()
        size = backup(f"sqlite:///{path}", tmp_path / "copy.db")
        done.set()
        writer.join()

    assert size == (tmp_path / "copy.db").stat().st_size
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (a,), (b,) = (copy.execute(f"SELECT count(*) FROM events WHERE id LIKE '{x}%'").fetchone() for x in "ab")
    assert a == b
    assert events(tmp_path / "copy.db") >= 2000
    assert {file.name for file in tmp_path.iterdir() if "copy" in file.name} == {"copy.db"}


def test_a_backup_of_a_broken_record_leaves_no_file(path, tmp_path):
    overwritten(path, at=20 * PAGE, by=os.urandom(PAGE))

    with pytest.raises(DatabaseDamaged):
        backup(f"sqlite:///{path}", tmp_path / "copy.db")

    assert not [file for file in tmp_path.iterdir() if "copy" in file.name]


def test_a_backup_is_never_written_over_another(path, tmp_path):
    (tmp_path / "copy.db").write_text("the good one")

    with pytest.raises(BadSettings, match="already exists"):
        backup(f"sqlite:///{path}", tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "the good one"


def test_an_impossible_backup_is_refused_with_a_reason(path, tmp_path):
    with pytest.raises(DatabaseUnavailable, match="cannot be written: No such file"):
        backup(f"sqlite:///{path}", tmp_path / "no" / "such")
    with pytest.raises(BadSettings, match="no record at"):
        backup(f"sqlite:///{tmp_path}/none.db", tmp_path / "copy.db")
    with pytest.raises(BadSettings, match="pg_dump"):
        backup("postgresql+psycopg://u:p@h/n", tmp_path / "copy.db")
