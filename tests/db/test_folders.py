"""Folders are counted from rows that are current, on both databases."""

import pytest
from sqlalchemy import create_engine, text

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.migrating import migrate
from raythumbs.errors import NoSuchObject, NotAnImage
from raythumbs.model.job import State
from tests.db.conftest import Verbs, a_removal, a_request, a_success


def figures(folder):
    return folder.total, folder.waiting, folder.succeeded, folder.failed, folder.cancelled


def test_each_photo_of_a_folder_counts_once(record, clock):
    record.enqueue(*(a_request(number, folder="album") for number in range(6)), a_request(9, folder="other"))
    leases = record.lease(7)
    of_album = [lease for lease in leases if lease.source != "s3://photos/000009.jpg"]

    record.finish(of_album[0], a_success())
    record.fail(of_album[1], NotAnImage("no"))
    record.cancel(of_album[2].job_id)

    assert figures(record.folder("album")) == (6, 3, 1, 1, 1)
    assert record.folder("album").done_at is None
    assert figures(record.folder("other")) == (1, 1, 0, 0, 0)


def test_a_folder_is_done_when_its_last_photo_is(record, clock):
    record.enqueue(*(a_request(number, folder="album") for number in range(2)))
    first, second = record.lease(2)
    record.finish(first, a_success())

    clock.advance(seconds=5)
    record.fail(second, NotAnImage("no"))

    assert record.folder("album").done_at == clock.now


def test_a_folder_that_nobody_has_named_is_empty(record):
    assert figures(record.folder("nobody's")) == (0, 0, 0, 0, 0)


def test_a_folder_keeps_its_figures_when_its_jobs_are_pruned(record, clock):
    record.enqueue(*(a_request(number, folder="album") for number in range(3)))
    good, bad, stopped = record.lease(3)
    record.finish(good, a_success())
    record.fail(bad, NotAnImage("no"))
    record.cancel(stopped.job_id)
    done_at = record.folder("album").done_at

    record.prune(State.SUCCEEDED, State.FAILED, State.CANCELLED, before=clock.now + 1)

    assert figures(record.folder("album")) == (3, 0, 1, 1, 1)
    assert record.folder("album").done_at == done_at
    states = {one.photo.id: (one.state, one.job) for one in record.photos_of_folder("album")}
    assert states == {
        good.photo_id: (State.SUCCEEDED, None),
        bad.photo_id: (State.FAILED, None),
        stopped.photo_id: (State.CANCELLED, None),
    }


def test_a_photo_that_is_tried_again_waits_again(record):
    record.enqueue(a_request(1, folder="album"))
    (lease,) = record.lease()
    record.fail(lease, NotAnImage("no"))

    record.retry(lease.job_id)

    assert figures(record.folder("album")) == (1, 1, 0, 0, 0)


def test_a_photo_that_was_missing_and_is_tried_again_waits_again(record):
    record.enqueue(a_request(1, folder="album"))
    (lease,) = record.lease()
    record.miss(lease, NoSuchObject("gone"))
    assert figures(record.folder("album")) == (0, 0, 0, 0, 0)

    record.retry(lease.job_id)

    assert figures(record.folder("album")) == (1, 1, 0, 0, 0)
    assert record.photo(lease.photo_id).deleted_at is None


def test_a_deleted_photo_counts_no_more_and_may_end_the_wait_for_its_folder(record, clock):
    record.enqueue(a_request(1, folder="album"), a_request(2, folder="album"))
    (first, _second) = record.lease(2)
    record.finish(first, a_success())

    clock.advance(seconds=5)
    record.enqueue(a_removal(2))

    assert figures(record.folder("album")) == (1, 0, 1, 0, 0)
    assert record.folder("album").done_at == clock.now


def test_a_removal_is_noted_by_the_shard_that_writes_it(database, record, clock):
    record.enqueue(a_request(1, folder="album"), a_request(2, folder="album"))

    for number, shard in ((1, 0), (2, 5)):
        with database.writing() as connection:
            Intake(connection, 8, shard=shard).enqueue([a_removal(number)], now=clock.now)

    with database.reading() as connection:
        assert connection.scalars(text("SELECT shard FROM folders ORDER BY shard")).all() == [0, 5]


def test_a_photo_that_gets_its_folder_while_it_waits_is_counted_there(record):
    (job,) = record.enqueue(a_request(1))

    record.enqueue(a_request(2, source=job.source, folder="album"))

    assert figures(record.folder("album")) == (1, 1, 0, 0, 0)


def test_folders_whose_long_names_begin_alike_are_counted_apart(record):
    names = ["x" * 300 + end for end in "ab"]
    record.enqueue(a_request(1, folder=names[0]), a_request(2, folder=names[1]), a_request(3, folder=names[1]))

    assert [record.folder(name).waiting for name in names] == [1, 2]


def test_the_photos_of_a_folder_come_newest_first_and_page_by_page(record):
    record.enqueue(*(a_request(number, folder="album") for number in range(5)), a_request(9, folder="other"))

    first = record.photos_of_folder("album", limit=3)
    rest = record.photos_of_folder("album", after=first[-1].photo.id, limit=3)

    assert [one.photo.id for one in (*first, *rest)] == [f"photo-{number:06d}" for number in (4, 3, 2, 1, 0)]


def test_a_photo_is_found_by_its_source_with_its_newest_job_and_its_thumbnails(record, clock):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.finish(lease, a_success("large", "small"))
    clock.advance(seconds=1)
    record.enqueue(a_request(2, source=lease.source, version="v2"))

    (found,) = record.photos_of_source(lease.source)

    assert (found.job.id, found.state) == ("job-000002", State.QUEUED)
    assert [one.name for one in found.photo.renditions] == ["large", "small"]
    assert record.photos_of_source("s3://photos/none.jpg") == []


def test_photos_of_before_folders_were_counted_are_counted(empty_url, clock):
    engine = create_engine(empty_url)
    long = "y" * 300
    with engine.begin() as connection:
        migrate(connection, "0006")
        for number, (folder, state) in enumerate(
            [("album", "queued"), ("album", "succeeded"), ("album", "failed"), ("album", "cancelled"), ("album", None),
             (long, "running")]
        ):  # fmt: skip
            photo = {"id": f"p{number}", "source": f"s3://b/{number}", "folder": folder}
            connection.execute(
                text("INSERT INTO photos (id, source, folder_id, created_at) VALUES (:id, :source, :folder, 1)"), photo
            )
            if state:
                connection.execute(
                    text(
                        "INSERT INTO jobs (id, photo_id, folder_id, turn, state, priority, created_at, due_at,"
                        " lease_until, finished_at) VALUES (:id, :id, substr(:folder, 1, 255), 0, :state, 1, 1, 1,"
                        " 9e9, :end)"
                    ),
                    photo | {"state": state, "end": 7.0 if state not in {"queued", "running"} else None},
                )
    engine.dispose()

    database = Database(empty_url)
    database.open()

    record = Verbs(database, clock)
    assert figures(record.folder("album")) == (5, 1, 1, 2, 1)  # the one without a job failed long ago
    assert record.folder("album").ended_at == 7.0
    assert figures(record.folder(long)) == (1, 1, 0, 0, 0)
    database.close()


@pytest.mark.parametrize("folder", ["a/b/c", "ä" * 400, "'; DROP TABLE photos; --", "%", " "])
def test_a_folder_may_have_any_name(record, folder):
    record.enqueue(a_request(1, folder=folder))

    assert figures(record.folder(folder)) == (1, 1, 0, 0, 0)
