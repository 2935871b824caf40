import os
import stat
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from raythumbs.db.database import Database
from raythumbs.db.migrating import migrate
from raythumbs.db.photos import Photos
from raythumbs.db.revisions import MIGRATIONS, REVISIONS
from raythumbs.db.schema import metadata
from raythumbs.errors import BadSettings, DatabaseUnavailable, UnknownPhoto
from tests.db.conftest import opened


def test_the_migrations_lead_to_the_schema(empty_url):
    with closing(opened(empty_url)) as database, database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert differences == []


def test_the_names_of_the_migrations_tell_their_revisions_in_order():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(walked)) == REVISIONS


def test_a_photo_of_the_first_schema_is_still_there_after_every_migration(empty_url):
    engine = create_engine(empty_url)
    with engine.begin() as connection:
        migrate(connection, "0001")
        connection.execute(text("INSERT INTO photos (id, source, width, created_at) VALUES ('p', 's3://b/k', 4000, 1)"))
    engine.dispose()

    database = Database(empty_url)
    database.open()

    with database.reading() as connection:
        photo = Photos(connection).get("p")
    database.close()
    assert (photo.source, photo.width, photo.thumb_hash, photo.notes) == ("s3://b/k", 4000, None, ())


def test_a_migration_may_take_longer_than_a_statement_may(postgresql_url):
    url = postgresql_url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.begin() as connection:
        migrate(connection, "0006")
        connection.execute(text("INSERT INTO photos (id, source, created_at) VALUES ('p', 's3://b/k', 1)"))
        job = "INSERT INTO jobs (id, photo_id, turn, state, priority, created_at, due_at, finished_at)"
        connection.execute(text(f"{job} VALUES ('j', 'p', 0, 'failed', 1, 1, 1, 1)"))
        # each update takes as long as one of very many rows
        function = "BEGIN PERFORM pg_sleep(0.8); RETURN NEW; END"
        connection.execute(text(f"CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS '{function}'"))
        trigger = "CREATE TRIGGER linger BEFORE UPDATE ON photos FOR EACH ROW EXECUTE FUNCTION linger()"
        connection.execute(text(trigger))
    engine.dispose()

    database = Database(url, statement_seconds=0.4)
    database.open()

    with database.reading() as connection:
        assert connection.execute(text("SELECT ended FROM photos")).scalar_one() == "failed"
    with pytest.raises(DatabaseUnavailable), database.writing() as connection:  # the limit is back
        connection.execute(text("UPDATE photos SET ended = NULL"))
    database.close()


def test_opening_again_finds_what_was_there(url):
    first = Database(url)
    first.open()
    with first.writing() as connection:
        connection.execute(text("INSERT INTO events (id, seen_at) VALUES ('e', 1)"))
    first.close()

    second = Database(url)
    second.open()

    with second.reading() as connection:
        assert connection.execute(text("SELECT id FROM events")).scalar_one() == "e"
    second.close()


def test_a_database_of_a_newer_version_is_refused(database, url):
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()

    with pytest.raises(BadSettings, match="newer raythumbs"):
        database.open()
    database.close()


def test_the_databases_time_is_in_utc_seconds_since_1970_and_moves_on(database):
    with database.reading() as connection:
        first = database.now(connection)
    with database.reading() as connection:
        second = database.now(connection)

    assert 1.7e9 < first <= second < first + 10


def test_a_write_that_fails_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(text("INSERT INTO events (id, seen_at) VALUES ('e', 1)"))
        raise ZeroDivisionError

    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM events")).scalar_one() == 0


def test_reading_does_not_wait_for_a_writer_and_sees_only_commits(database):
    with database.writing() as writer:
        writer.execute(text("INSERT INTO events (id, seen_at) VALUES ('e', 1)"))
        with database.reading() as reader:
            seen = reader.execute(text("SELECT count(*) FROM events")).scalar_one()

    assert seen == 0


def test_an_unknown_photo_raises_unknown_photo(database):
    with database.reading() as connection, pytest.raises(UnknownPhoto):
        Photos(connection).get("no-such-photo")


def test_one_sqlite_file_has_one_service(tmp_path):
    url = f"sqlite:///{tmp_path}/record.db"
    first, second = Database(url), Database(url)
    first.open()

    with pytest.raises(DatabaseUnavailable, match="in use by another raythumbs: stop it"):
        second.open()
    first.close()

    second.open()
    second.close()


def test_sqlite_syncs_every_commit_to_the_disk(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/record.db")
    database.open()

    with database.reading() as connection:
        raised = [connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous")]

    assert raised == ["wal", 2]
    database.close()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(DatabaseUnavailable, match="file"):
        Database(f"sqlite:///{tmp_path}/file/record.db").open()


def test_a_wrong_password_is_reported_without_the_password(postgresql_url):
    user, _, server = postgresql_url.removeprefix("postgresql://").partition("@")
    database = Database(f"postgresql+psycopg://{user.split(':')[0]}:sesame@{server}")

    with pytest.raises(DatabaseUnavailable, match="password") as raised:
        database.open()

    assert "sesame" not in raised.value.reason
    database.close()


@pytest.mark.parametrize(
    "address", ["someone:sesame@127.0.0.1:1/nothing", "someone@127.0.0.1:1/nothing?password=sesame&sslpassword=sesame"]
)
def test_a_missing_postgresql_is_reported_without_its_password(address):
    database = Database(f"postgresql+psycopg://{address}")

    with pytest.raises(DatabaseUnavailable) as raised:
        database.open()

    assert "127.0.0.1" in raised.value.reason
    assert "sesame" not in raised.value.reason


def test_a_new_sqlite_record_belongs_to_its_user_alone_whatever_the_umask(tmp_path):
    path = tmp_path / "folder" / "raythumbs.db"
    before = os.umask(0)
    try:
        with closing(Database(f"sqlite:///{path}")) as database:
            database.open()
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert {"raythumbs.db", "raythumbs.db-wal", "raythumbs.db-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_sqlite_record_that_everybody_could_read_is_closed_to_others(tmp_path):
    path = tmp_path / "raythumbs.db"
    for mode, then in ((0o644, 0o640), (0o664, 0o660)):
        with closing(Database(f"sqlite:///{path}")) as database:
            database.open()
        path.chmod(mode)
        with closing(Database(f"sqlite:///{path}")) as database:
            database.open()
        assert stat.S_IMODE(path.stat().st_mode) == then
