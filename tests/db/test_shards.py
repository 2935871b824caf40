"""Several queues share one record. Each has the jobs of its shard; no job is lost when the number of shards changes."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.leases import Leases
from raythumbs.db.overview import overview
from raythumbs.db.shards import Shards
from raythumbs.errors import NotAnImage
from raythumbs.model.job import Priority
from raythumbs.model.shard import shard_of
from tests.db.conftest import a_request, in_order

SHARDS = 3


@pytest.fixture
def divided(database):
    with database.writing() as connection:
        Shards(connection).divide(SHARDS)
    return database


def enqueued(database, numbers, *, shards=SHARDS, now=1.0, **more):
    with database.writing() as connection:
        requests = [a_request(number, **more) for number in numbers]
        return in_order(requests, Intake(connection, shards).enqueue(requests, now=now))


def leased(database, shard, *, limit=1000, now=2.0, seconds=60):
    with database.writing() as connection:
        batches = Leases(connection, shard).lease_next([limit], now=now, lease_seconds=seconds)
    return [lease for batch in batches for lease in batch]


@given(sources=st.lists(st.text(), unique=True), shards=st.integers(1, 64))
def test_a_photo_always_belongs_to_the_same_shard(sources, shards):
    numbers = [shard_of(source, shards) for source in sources]

    assert numbers == [shard_of(source, shards) for source in sources]
    assert all(0 <= number < shards for number in numbers)


def test_photos_are_spread_evenly():
    count = Counter(shard_of(f"s3://photos/2026/{number}.jpg", 4) for number in range(10_000))

    assert max(count.values()) < 1.1 * min(count.values())


def test_each_queue_leases_the_jobs_of_its_shard_and_all_of_them_are_leased(divided):
    jobs = enqueued(divided, range(30))

    shares = [leased(divided, shard) for shard in range(SHARDS)]

    assert all(shard_of(lease.source, SHARDS) == shard for shard in range(SHARDS) for lease in shares[shard])
    assert sorted(lease.job_id for share in shares for lease in share) == sorted(job.id for job in jobs)


def test_within_a_shard_priorities_and_folders_keep_the_fair_order(divided):
    enqueued(divided, range(40), folder="large")
    enqueued(divided, range(40, 50), folder="small")
    urgent = {job.id for job in enqueued(divided, range(50, 60), priority=Priority.HIGH)}

    for shard in range(SHARDS):
        leases = leased(divided, shard)
        first = sum(lease.priority is Priority.HIGH for lease in leases)
        small = [place for place, lease in enumerate(leases[first:]) if int(lease.photo_id.split("-")[1]) >= 40]
        assert {lease.job_id for lease in leases[:first]} <= urgent
        assert max(small, default=0) <= 2 * len(small)


def test_a_queue_rescues_and_readopts_only_its_own(divided):
    enqueued(divided, range(12))
    held = [leased(divided, shard) for shard in range(SHARDS)]

    with divided.writing() as connection:
        rescued = Leases(connection, 0).rescue(now=100.0)
        readopted = Leases(connection, 1).readopt(now=100.0)

    assert sorted(rescued) == sorted(lease.job_id for lease in held[0])
    assert sorted(readopted) == sorted(lease.job_id for lease in held[1])


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.integers(1, 5), min_size=1, max_size=3), offset=st.integers(0, 10**9))
def test_when_the_number_of_shards_changes_every_unfinished_job_moves_to_its_new_shard(database, changes, offset):
    before = 1
    with database.writing() as connection:
        Shards(connection).divide(before)
    jobs = enqueued(database, range(offset, offset + 25), shards=before)
    running = leased(database, 0, limit=5)

    for shards in changes:
        with database.writing() as connection:
            Shards(connection).divide(shards)

    again = []
    for shard in range(changes[-1]):
        with database.writing() as connection:
            Leases(connection, shard).readopt(now=3.0)
        again += leased(database, shard, now=4.0)
    assert {lease.job_id for lease in again} >= {job.id for job in jobs}
    assert {lease.job_id for lease in again} >= {lease.job_id for lease in running}


def test_a_failed_job_can_be_retried_after_the_shards_became_fewer(divided):
    failed = [job.id for job in enqueued(divided, range(12))]
    with divided.writing() as connection:
        for shard in range(SHARDS):
            for lease in Leases(connection, shard).lease_next([12], now=2.0, lease_seconds=60)[0]:
                Leases(connection).fail(lease, NotAnImage("no"), now=3.0)

    with divided.writing() as connection:
        Shards(connection).divide(1)
        for job_id in failed:
            Jobs(connection).retry(job_id, now=4.0)

    assert sorted(lease.job_id for lease in leased(divided, 0, now=5.0)) == failed


def test_the_overview_is_of_all_shards(divided):
    enqueued(divided, range(20), now=1.0)

    with divided.reading() as connection:
        figures = overview(connection, now=11.0)

    assert figures.backlog[Priority.NORMAL] == 20
    assert figures.backlog_age_seconds == 10.0
