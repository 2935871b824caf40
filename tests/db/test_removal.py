"""Deleted photos, events out of order, and leftovers in the store, on both databases."""

from dataclasses import replace
from itertools import permutations

import pytest

from raythumbs.errors import NoSuchObject, StaleLease
from raythumbs.model.job import State
from tests.db.conftest import a_removal, a_request, a_success

GONE = NoSuchObject("s3://photos/000001.jpg does not exist")


def rendered(record, *names: str, version: str = "v1") -> None:
    """Photo 1 has these renditions."""
    record.enqueue(a_request(1, version=version))
    (lease,) = record.lease()
    record.finish(lease, a_success(*names, version=version))


# --- deleted before, during and after


def test_a_photo_that_is_deleted_while_it_waits_is_not_rendered(record):
    record.enqueue(a_request(1))

    assert record.enqueue(a_removal(1)) == []

    assert record.lease() == []
    job = record.job("job-000001")
    assert (job.state, job.code) == (State.CANCELLED, "deleted")


def test_a_photo_that_is_deleted_while_it_is_rendered_gets_no_renditions(record, clock):
    record.enqueue(a_request(1))
    (lease,) = record.lease()

    record.enqueue(a_removal(1))

    with pytest.raises(StaleLease):
        record.finish(lease, a_success("small"))
    photo = record.photo("photo-000001")
    assert (photo.renditions, photo.deleted_at) == ((), clock.now)


def test_the_renditions_of_a_deleted_photo_become_leftovers(record):
    rendered(record, "small", "large")

    record.enqueue(a_removal(1))

    assert record.photo("photo-000001").renditions == ()
    assert record.begin() == ["k/large", "k/small"]


def test_the_removal_of_an_unknown_photo_is_remembered(record, clock):
    record.enqueue(a_removal(1, sequence="s3:0B"))

    assert record.enqueue(a_request(1, sequence="s3:0A")) == []

    assert record.photo("removed-000001").deleted_at == clock.now


def test_a_photo_that_is_uploaded_again_is_no_longer_deleted(record):
    record.enqueue(a_removal(1))

    (job,) = record.enqueue(a_request(1))

    assert job.photo_id == "removed-000001"
    assert record.photo("removed-000001").deleted_at is None


@pytest.mark.parametrize(
    ("version", "state", "code"), [("v1", "cancelled", "deleted"), (None, "failed", "no_such_object")]
)
def test_a_missing_photo_counts_as_deleted_only_if_an_event_announced_it(record, version, state, code):
    rendered(record, "small")
    record.enqueue(a_request(2, version=version))
    (lease,) = record.lease()

    record.miss(lease, GONE)

    job = record.job("job-000002")
    assert (job.state, job.code, job.reason) == (state, code, GONE.reason)
    assert record.photo("photo-000002").deleted_at is not None


def test_the_renditions_of_a_missing_photo_become_leftovers(record):
    rendered(record, "small")
    record.enqueue(a_request(2, source="s3://photos/000001.jpg"))
    (lease,) = record.lease()

    record.miss(lease, GONE)

    assert record.begin() == ["k/small"]


def test_a_late_attempt_cannot_report_a_missing_photo(record, clock):
    rendered(record, "small")
    record.enqueue(a_request(2, source="s3://photos/000001.jpg"))
    (late,) = record.lease()
    clock.advance(seconds=61)
    record.rescue()

    with pytest.raises(StaleLease):
        record.miss(late, GONE)

    assert len(record.photo("photo-000001").renditions) == 1


def test_deleted_photos_are_forgotten_when_they_have_no_jobs_and_no_renditions(record, clock):
    record.enqueue(a_request(1), a_request(2), a_removal(3))
    record.enqueue(a_removal(1))
    clock.advance(seconds=10)

    assert record.forget_deleted(before=clock.now) == 1
    record.prune(State.CANCELLED, before=clock.now)
    assert record.forget_deleted(before=clock.now) == 1

    assert record.photo("photo-000002").deleted_at is None


# --- events in any order


EVENTS = [
    a_request(1, version="v1", event="1", sequence="s3:01"),
    a_request(2, source="s3://photos/000001.jpg", version="v2", event="2", sequence="s3:02"),
    a_removal(1, event="3", sequence="s3:03"),
    a_request(4, source="s3://photos/000001.jpg", version="v4", event="4", sequence="s3:04"),
]


@pytest.mark.parametrize("last", [3, 4], ids=["deleted", "created again"])
@pytest.mark.parametrize("together", [True, False], ids=["in one breath", "one by one"])
def test_the_latest_event_counts_in_whatever_order_events_arrive(record, clock, last, together):
    for number, order in enumerate(permutations(EVENTS[:last])):
        of_photo = [with_source(event, number) for event in order]

        for part in [of_photo] if together else [[event] for event in of_photo]:
            record.enqueue(*part)

        jobs = [job for job in record.page(limit=1000) if job.source == f"s3://photos/x{number}.jpg"]
        waiting = [job for job in jobs if job.state is State.QUEUED]
        assert len(waiting) == (last == 4)
        assert {job.code for job in jobs if job not in waiting} <= {"deleted", "superseded"}
        if waiting:
            (lease,) = [one for one in record.lease(100) if one.job_id == waiting[0].id]
            assert lease.version == "v4"


def with_source(event, number):
    return replace(
        event,
        source=f"s3://photos/x{number}.jpg",
        photo_id=f"photo-x{number}",
        event_id=f"{number}-{event.event_id}",
        **({"job_id": f"job-x{number}-{event.event_id}"} if hasattr(event, "job_id") else {}),
    )


def test_an_older_event_does_not_restore_an_older_version(record):
    record.enqueue(a_request(1, version="new", sequence="s3:0B"))

    assert record.enqueue(a_request(2, source="s3://photos/000001.jpg", version="old", sequence="s3:0A")) == []

    (lease,) = record.lease()
    assert lease.version == "new"


def test_events_of_different_senders_count_in_order_of_arrival(record):
    record.enqueue(a_request(1, version="v1", sequence="s3:0B"))

    record.enqueue(a_request(2, source="s3://photos/000001.jpg", version="v2", sequence="b2:0A"))

    (lease,) = record.lease()
    assert lease.version == "v2"


# --- leftovers


def test_only_replaced_renditions_become_leftovers(record):
    rendered(record, "small", "large")

    rendered_again = a_success("small", "huge", version="v2")
    record.enqueue(a_request(2, source="s3://photos/000001.jpg", version="v2"))
    (lease,) = record.lease()
    record.finish(lease, rendered_again)

    assert record.begin() == ["k/large"]


def test_a_key_that_a_photo_uses_is_no_longer_a_leftover(record):
    rendered(record, "small")
    record.leave({"k/small": "photo-000001", "k/other": None})

    assert record.begin() == ["k/other"]
    assert record.end("k/other") == []

    assert record.begin() == []


def test_leftovers_of_a_photo_in_work_wait(record):
    record.enqueue(a_request(1))
    record.leave({"k/small": "photo-000001"})
    assert record.begin() == []

    record.cancel("job-000001")

    assert record.begin() == ["k/small"]


def test_nothing_is_deleted_before_it_is_due(record, clock):
    record.leave({"k": None}, due_at=clock.now + 10)
    assert record.begin() == []

    clock.advance(seconds=10)

    assert record.begin() == ["k"]


def test_a_deletion_is_repeated_until_it_has_ended(record, clock):
    record.leave({"k": None})
    assert record.begin() == ["k"]

    assert record.begin() == ["k"]
    record.postpone("k", after=60)
    assert record.begin() == []
    clock.advance(seconds=60)
    assert record.begin() == ["k"]
    record.end("k")

    assert record.begin() == []


def test_a_photo_that_uses_a_key_again_during_its_deletion_is_returned(record):
    record.leave({"k/small": "photo-000001"})
    record.begin()

    rendered(record, "small", version="v7")

    (owner,) = record.end("k/small")
    assert (owner.photo_id, owner.source, owner.version) == ("photo-000001", "s3://photos/000001.jpg", "v7")


def test_a_key_of_a_photo_that_is_in_work_again_stays_a_leftover(record):
    record.leave({"k/small": "photo-000001"})
    record.begin()
    record.enqueue(a_request(1))

    assert record.end("k/small") == []
    (lease,) = record.lease()
    record.finish(lease, a_success("small"))

    assert record.begin() == ["k/small"]
    (owner,) = record.end("k/small")
    assert owner.photo_id == "photo-000001"
