"""The record on both databases. Each test with the fixture `database` runs on SQLite and on PostgreSQL.

Behind PgBouncer, which gives each transaction another session, run the tests of connections and transactions, and the
one that makes all moves. Other statements are the same there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from raythumbs.db.database import Database
from raythumbs.db.folders import Folders
from raythumbs.db.found_photos import FoundPhotos
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.leases import Leases
from raythumbs.db.leftovers import KeyOwner, Leftovers
from raythumbs.db.overview import overview
from raythumbs.db.photos import Photos
from raythumbs.errors import RaythumbsError, StaleLease
from raythumbs.model.attempt import Attempt
from raythumbs.model.folder import Folder
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.model.job import Change, Job, JobRequest, Priority, Removal, State
from raythumbs.model.lease import Lease, Succeeded
from raythumbs.model.overview import Overview
from raythumbs.model.photo import Format, Photo, PictureFacts, Rendition
from raythumbs.model.selection import Selection
from tests.conftest import Clock, a_database
from tests.db.emptied import emptied
from tests.records import lay_sqlite, postgresql_template

T = TypeVar("T")


DATABASES = ["sqlite", "postgresql"]
POOLED = pytest.param("pgbouncer", marks=pytest.mark.needs("pgbouncer"))
BEHIND_A_POOLER = {"tests.db.test_database", "tests.db.test_record", "tests.db.test_moves"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        pooled = metafunc.module.__name__ in BEHIND_A_POOLER
        metafunc.parametrize("database_kind", [*DATABASES, POOLED] if pooled else DATABASES)


@pytest.fixture
def url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty record, migrated."""
    if database_kind == "sqlite":
        lay_sqlite(tmp_path / "record.db")
        yield f"sqlite:///{tmp_path}/record.db"
    else:
        with emptied(request.getfixturevalue("postgresql")) as empty:
            address = with_driver(empty)
            yield _pooled(address, request) if database_kind == "pgbouncer" else address


@pytest.fixture
def empty_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a record."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path}/record.db"
    address = with_driver(request.getfixturevalue("postgresql_url"))
    return _pooled(address, request) if database_kind == "pgbouncer" else address


def _pooled(address: str, request: pytest.FixtureRequest) -> str:
    pooler = with_driver(request.getfixturevalue("pgbouncer"))
    return pooler.rpartition("/")[0] + "/" + address.rpartition("/")[2]


@contextmanager
def migrated(postgresql: str) -> Iterator[str]:
    """A new record on PostgreSQL."""
    with a_database(postgresql, template=postgresql_template(postgresql)) as address:
        yield with_driver(address)


def with_driver(address: str) -> str:
    return address.replace("postgresql://", "postgresql+psycopg://")


def opened(url: str, **given: float) -> Database:
    database = Database(url, **given)
    database.open()
    return database


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = opened(url)
    yield database
    database.close()


def in_order(changes: Sequence[Change], jobs: Mapping[str, Job]) -> list[Job]:
    """Return the jobs in the order of their changes."""
    return [jobs[source] for source in dict.fromkeys(change.source for change in changes) if source in jobs]


class Verbs:
    """The verbs of jobs, each in a transaction of its own, at the clock's time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def _write(self, write: Callable[[Jobs], T]) -> T:
        with self._database.writing() as connection:
            return write(Jobs(connection))

    def _lease(self, write: Callable[[Leases], T]) -> T:
        with self._database.writing() as connection:
            return write(Leases(connection))

    def _read(self, read: Callable[[Connection], T]) -> T:
        with self._database.reading() as connection:
            return read(connection)

    def enqueue(self, *requests: Change) -> list[Job]:
        with self._database.writing() as connection:
            return in_order(requests, Intake(connection).enqueue(requests, now=self._clock.now))

    def lease(
        self, limit: int = 1, *, seconds: float = 60, priorities: Sequence[Priority] = tuple(Priority)
    ) -> list[Lease]:
        batches = self.lease_batches(limit, seconds=seconds, priorities=priorities)
        return [lease for batch in batches for lease in batch]

    def lease_batches(
        self, *sizes: int, seconds: float = 60, priorities: Sequence[Priority] = tuple(Priority)
    ) -> list[list[Lease]]:
        now = self._clock.now
        return self._lease(lambda held: held.lease_next(sizes, now=now, lease_seconds=seconds, priorities=priorities))

    def lease_more(self, limit: int, *, seconds: float = 60) -> list[Lease]:
        return self._lease(lambda held: held.lease_more(limit, now=self._clock.now, lease_seconds=seconds))

    def longest_waiting(self) -> Priority | None:
        return self._lease(lambda held: held.longest_waiting(now=self._clock.now))

    def waiting(self, limit: int) -> int:
        return self._lease(lambda held: held.waiting(now=self._clock.now, limit=limit))

    def renew(self, *leases: Lease, seconds: float = 60) -> None:
        self._lease(lambda held: held.renew(leases, now=self._clock.now, lease_seconds=seconds))

    def finish(self, lease: Lease, succeeded: Succeeded) -> None:
        if self.finish_all((lease, succeeded)):
            raise StaleLease(f"attempt {lease.attempt} no longer holds job {lease.job_id}")

    def finish_all(self, *done: tuple[Lease, Succeeded]) -> list[Lease]:
        return self._lease(lambda held: held.finish(done, now=self._clock.now))

    def release(self, lease: Lease, error: RaythumbsError, *, after: float = 0, counts: Sequence[str] = ()) -> None:
        now = self._clock.now
        self._lease(lambda held: held.release(lease, error, now=now, due_at=now + after, counts=counts))

    def fail(self, lease: Lease, error: RaythumbsError) -> None:
        self._lease(lambda held: held.fail(lease, error, now=self._clock.now))

    def miss(self, lease: Lease, error: RaythumbsError) -> None:
        self._lease(lambda held: held.miss(lease, error, now=self._clock.now))

    def leave(self, photos: Mapping[str, str | None], *, due_at: float = 0) -> None:
        with self._database.writing() as connection:
            Leftovers(connection).leave(photos, due_at=due_at)

    def begin(self, limit: int = 100) -> list[str]:
        with self._database.writing() as connection:
            return sorted(Leftovers(connection).begin_deleting(now=self._clock.now, limit=limit))

    def end(self, *keys: str) -> list[KeyOwner]:
        with self._database.writing() as connection:
            return Leftovers(connection).end_deleting(keys)

    def postpone(self, *keys: str, after: float) -> None:
        with self._database.writing() as connection:
            Leftovers(connection).postpone(keys, due_at=self._clock.now + after)

    def forget_deleted(self, *, before: float) -> int:
        with self._database.writing() as connection:
            return Photos(connection).forget_deleted(before=before, limit=100)

    def cancel(self, job_id: str) -> Job:
        return self._write(lambda jobs: jobs.cancel(job_id, now=self._clock.now))

    def retry(self, job_id: str) -> Job:
        return self._write(lambda jobs: jobs.retry(job_id, now=self._clock.now))

    def rescue(self) -> list[str]:
        return self._lease(lambda held: held.rescue(now=self._clock.now))

    def readopt(self) -> list[str]:
        return self._lease(lambda held: held.readopt(now=self._clock.now))

    def prune(self, *states: State, before: float, limit: int = 1000) -> int:
        return self._write(lambda jobs: jobs.prune(states, before=before, limit=limit))

    def forget_events(self, *, before: float, limit: int = 1000) -> int:
        with self._database.writing() as connection:
            return Intake(connection).forget_events(before=before, limit=limit)

    def job(self, job_id: str) -> Job:
        return self._read(lambda connection: Jobs(connection).get(job_id))

    def attempts(self, job_id: str) -> tuple[Attempt, ...]:
        return self._read(lambda connection: Jobs(connection).history(job_id)).attempts

    def page(self, *, after: str | None = None, limit: int = 100, **of: Any) -> list[Job]:
        return self._read(lambda connection: Jobs(connection).list(Selection(**of), after=after, limit=limit))

    def photo(self, photo_id: str) -> Photo:
        return self._read(lambda connection: Photos(connection).get(photo_id))

    def folder(self, folder_id: str) -> Folder:
        return self._read(lambda connection: Folders(connection).get(folder_id))

    def photos_of_source(self, source: str) -> list[FoundPhoto]:
        return self._read(lambda connection: FoundPhotos(connection).of_source(source))

    def photos_of_folder(self, folder_id: str, *, after: str | None = None, limit: int = 100) -> list[FoundPhoto]:
        return self._read(lambda connection: FoundPhotos(connection).of_folder(folder_id, after=after, limit=limit))

    def overview(self, **given: int) -> Overview:
        return self._read(lambda connection: overview(connection, now=self._clock.now, **given))


@pytest.fixture
def record(database: Database, clock: Clock) -> Verbs:
    return Verbs(database, clock)


def a_request(  # noqa: PLR0913 what tells one request from another
    number: int = 1,
    *,
    source: str | None = None,
    priority: Priority = Priority.NORMAL,
    version: str | None = None,
    folder: str | None = None,
    event: str | None = None,
    sequence: str | None = None,
) -> JobRequest:
    return JobRequest(
        job_id=f"job-{number:06d}",
        photo_id=f"photo-{number:06d}",
        source=source or f"s3://photos/{number:06d}.jpg",
        priority=priority,
        version=version,
        folder_id=folder,
        event_id=event,
        sequence=sequence,
    )


def a_removal(number: int = 1, *, event: str | None = None, sequence: str | None = None) -> Removal:
    source = f"s3://photos/{number:06d}.jpg"
    return Removal(photo_id=f"removed-{number:06d}", source=source, event_id=event, sequence=sequence)


def a_success(*names: str, version: str = "v1") -> Succeeded:
    facts = PictureFacts(
        width=4000,
        height=3000,
        format="jpeg",
        size_bytes=5_000_000,
        version=version,
        thumb_hash="3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
        notes=("colour profile ignored", "x"),
    )
    made = (
        Rendition(name=n, width=300, height=225, format=Format.JPEG, size_bytes=9000, key=f"k/{n}", url=f"http://u/{n}")
        for n in names or ("thumbnail",)
    )
    return Succeeded(facts, tuple(made))
