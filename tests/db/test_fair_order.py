"""The fair order: within a priority, folders take turns."""

from collections import Counter
from contextlib import suppress
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from raythumbs.db.database import Database
from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.leases import Leases
from raythumbs.db.migrating import migrate
from raythumbs.errors import Crashed, StoreUnavailable, Unstorable
from raythumbs.model.job import Priority
from tests.db.conftest import Verbs, a_request

AWAY = StoreUnavailable("away")


class Sender:
    """Enqueues new photos, and knows the folder of each lease."""

    def __init__(self, record):
        self._record = record
        self._numbers = count(1)
        self._folders = {}

    def send(self, folder, photos=1, **more):
        jobs = self._record.enqueue(*(a_request(next(self._numbers), folder=folder, **more) for _ in range(photos)))
        self._folders |= {job.id: folder for job in jobs}
        return jobs

    def folders(self, leases):
        return [self._folders[lease.job_id] for lease in leases]


@pytest.fixture
def sender(record):
    return Sender(record)


# --- folders


def test_ten_photos_alternate_with_hundreds_of_another_folder_that_came_before(record, sender):
    sender.send("many", 300)
    sender.send("few", 10)

    leased = sender.folders(record.lease(30))

    assert leased.count("few") == 10
    assert sender.folders(record.lease(300)) == ["many"] * 280


def test_new_photos_do_not_wait_for_all_photos_of_a_folder_in_work(record, sender):
    sender.send("many", 300)
    record.lease(100)

    sender.send("few", 10)

    assert sender.folders(record.lease(22)).count("few") == 10


def test_photos_without_a_folder_are_one_folder(record, sender):
    sender.send(None, 100)
    sender.send("few", 10)

    assert sender.folders(record.lease(21)).count("few") == 10


def test_the_order_within_a_folder_is_the_order_of_arrival(record, sender):
    jobs = [job for _ in range(5) for folder in ("a", "b") for job in sender.send(folder, 3)]

    leased = record.lease(30)

    for folder in ("a", "b"):
        assert [one.job_id for one in leased if one.job_id in of(folder, jobs)] == of(folder, jobs)


def of(folder, jobs):
    return [job.id for job in jobs if job.folder_id == folder]


def test_a_folder_that_sends_all_the_time_cannot_keep_another_out(record, sender):
    sender.send("all the time", 50)
    sender.send("patient", 5)
    leased = []

    for _ in range(12):
        leased += sender.folders(record.lease())
        sender.send("all the time", 20)

    assert leased.count("patient") == 5


def test_two_folders_that_alternate_cannot_keep_a_third_out(record, sender):
    for folder in ("one", "other"):
        sender.send(folder)
    sender.send("third", 5)
    leased = []

    for _ in range(18):
        leased += (now := sender.folders(record.lease()))
        if now != ["third"]:
            sender.send(*now)

    assert leased.count("third") == 5


def test_a_thousand_folders_in_one_request_have_a_turn_each(record, sender):
    sender.send("many", 5)

    record.enqueue(*(a_request(10_000 + number, folder=f"folder {number}") for number in range(1000)))

    turns = [lease.job_id for lease in record.lease(1003)]
    assert len([job_id for job_id in turns if job_id >= "job-010000"]) == 1000


def test_a_repeated_request_leaves_no_gap_in_which_others_go_first(record, sender):
    sender.send("many", 100)
    record.enqueue(*(a_request(1000 + number, folder="few") for number in range(10)))

    record.enqueue(*(a_request(1000 + number, folder="few") for number in range(12)))

    few = [lease for lease in record.lease(26) if lease.job_id >= "job-001000"]
    assert len(few) == 12


@pytest.mark.parametrize("name", ["\N{CAMERA}" * 1024, "\"'\\%;é", "a\0b", "", " "])
def test_a_folder_may_have_any_name_that_the_database_accepts(record, sender, name):
    with suppress(Unstorable):  # PostgreSQL refuses a NUL
        sender.send("many", 100)
        jobs = sender.send(name, 10)

        leased = sender.folders(record.lease(21))

        assert record.job(jobs[0].id).folder_id == jobs[0].folder_id == name
        assert leased.count(name) == 10


# --- returning jobs


def test_a_retry_that_is_due_goes_to_the_head(record, sender, clock):
    sender.send("many", 100)
    early, retried, *_ = record.lease(20)
    record.release(retried, AWAY, after=10)
    clock.advance(seconds=9)
    (other,) = record.lease()
    clock.advance(seconds=1)

    (again,) = record.lease()

    assert (again.job_id, again.attempt) == (retried.job_id, 2)
    assert other.job_id not in (early.job_id, retried.job_id)


def test_a_retry_that_is_not_due_waits_even_if_nothing_else_does(record, sender, clock):
    sender.send("a")
    (lease,) = record.lease()
    record.release(lease, AWAY, after=10)

    assert (record.waiting(5), record.lease(), record.longest_waiting()) == (0, [], None)
    clock.advance(seconds=10)
    assert record.waiting(5) == 1
    assert len(record.lease()) == 1


def test_lost_and_retried_jobs_get_turns_from_the_head_on(record, sender, clock):
    sender.send("many", 100)
    failed, lost, adopted = record.lease(3, seconds=5)
    record.fail(failed, Crashed("no"))
    record.renew(adopted, seconds=60)
    clock.advance(seconds=6)
    record.rescue()
    record.readopt()
    record.retry(failed.job_id)

    batches = record.lease_batches(*[1] * 5)  # a turn has one of those, and one that is new

    back = {failed.job_id, lost.job_id, adopted.job_id}
    assert {lease.job_id for (lease,) in batches} >= back
    assert batches[0][0].job_id in back


def test_many_retries_of_one_folder_take_turns_with_the_others(record, sender, clock):
    sender.send("many", 100)
    for lease in record.lease(100):
        record.release(lease, AWAY, after=10)
    sender.send("few", 10)
    clock.advance(seconds=10)

    assert sender.folders(record.lease(20)).count("few") == 10


def test_a_returning_job_does_not_reopen_past_turns(record, sender):
    sender.send("many", 100)
    sender.send("others", 100)
    (first, *_) = record.lease(100)
    record.release(first, AWAY)

    sender.send("few", 20)

    assert sender.folders(record.lease(13)).count("few") <= 4


def test_a_job_with_a_raised_priority_goes_to_the_head_of_that_priority(record, sender):
    sender.send("many", 50, priority=Priority.LOW)
    (raised,) = sender.send("some", priority=Priority.LOW)
    sender.send("many", 50, priority=Priority.HIGH)
    record.lease(10)

    record.enqueue(a_request(900, source=raised.source, priority=Priority.HIGH))

    first = record.lease(2)
    assert raised.id in [lease.job_id for lease in first]
    assert [lease.priority for lease in first] == [Priority.HIGH] * 2


# --- priorities


def test_another_priority_can_go_first(record, sender):
    sender.send("a", priority=Priority.HIGH)
    sender.send("a", priority=Priority.LOW)

    leased = record.lease(2, priorities=[Priority.LOW, Priority.HIGH])

    assert [lease.priority for lease in leased] == [Priority.LOW, Priority.HIGH]


def test_the_priority_with_the_longest_wait_is_found(record, sender, clock):
    none = record.longest_waiting()
    sender.send("many", 20, priority=Priority.LOW)
    clock.advance(seconds=1)
    sender.send("a", priority=Priority.HIGH)
    first = record.longest_waiting()
    record.lease(20, priorities=[Priority.LOW])

    assert (none, first, record.longest_waiting()) == (None, Priority.LOW, Priority.HIGH)


def test_the_age_of_the_backlog_is_that_of_the_folder_that_waits_longest(record, sender, clock):
    sender.send("old", 100)
    clock.advance(seconds=10)
    sender.send("new", 100)
    record.lease(1)

    assert record.overview().backlog_age_seconds == pytest.approx(10)


def test_waiting_retries_are_counted_apart_from_due_jobs(record, sender, clock):
    sender.send("folder", 3)
    for lease in record.lease(2):
        record.release(lease, StoreUnavailable("away"), after=60)

    assert record.overview().retries_waiting == 2
    clock.advance(seconds=61)
    assert record.overview().retries_waiting == 0


# --- joining a batch


def test_jobs_join_a_batch_up_to_a_limit_in_order_of_priority(record, sender):
    (low,) = sender.send("a", priority=Priority.LOW)
    jobs = sender.send("a", 3)

    joined = [record.lease_more(2), record.lease_more(2), record.lease_more(2)]

    order = [[lease.job_id for lease in leases] for leases in joined]
    assert order == [[jobs[0].id, jobs[1].id], [jobs[2].id, low.id], []]


def test_no_jobs_join_a_batch_after_one_that_needs_its_own(record, sender):
    sender.send("a", 3)
    _, suspect, _ = record.lease(3)
    record.release(suspect, Crashed("lost"), counts=["losses"])
    record.readopt()
    sender.send("b", 3)

    before = record.lease_more(10)
    at_it = record.lease_more(10)
    ((alone,),) = record.lease_batches(10)
    after = record.lease_more(10)

    assert at_it == []
    assert alone.job_id == suspect.job_id
    assert len(before) + len(after) == 5


# --- random steps

FOLDERS = "ABC"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enqueue"), st.sampled_from(FOLDERS), st.integers(1, 5)),
        st.tuples(st.just("lease"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("release"), st.integers(0, 9), st.sampled_from([0, 3])),
        st.tuples(st.just("cancel"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("advance"), st.integers(1, 3), st.just(0)),
    ),
    min_size=10,
    max_size=50,
)


class Model:
    """What happens in the order of one priority, and when each job joined it."""

    def __init__(self, connection):
        self._jobs, self._leases, self._intake = Jobs(connection), Leases(connection), Intake(connection)
        self._numbers = count()
        self.now = 1000.0
        self.folders, self.in_order, self.back, self.running = {}, {}, {}, []
        self.cancelled = Counter()
        self.leased = []  # id, whether it is its first lease, the ids that stayed in order

    def enqueue(self, folder, photos):
        requests = [a_request(next(self._numbers), folder=folder) for _ in range(photos)]
        self.in_order |= {job.id: True for job in self._intake.enqueue(requests, now=self.now).values()}
        self.folders |= {request.job_id: folder for request in requests}

    def lease(self, limit, _):
        due = [job_id for job_id, due_at in self.back.items() if due_at <= self.now]
        self.back = {job_id: due_at for job_id, due_at in self.back.items() if job_id not in due}
        self.in_order |= dict.fromkeys(due, False)
        for batch in self._leases.lease_next([limit], now=self.now, lease_seconds=60):
            for lease in batch:
                is_first = self.in_order.pop(lease.job_id)
                self.leased.append((lease.job_id, is_first, frozenset(self.in_order), self.cancelled.copy()))
                self.running.append(lease)

    def release(self, which, after):
        if self.running:
            lease = self.running.pop(which % len(self.running))
            self._leases.release(lease, AWAY, now=self.now, due_at=self.now + after, counts=())
            self.back[lease.job_id] = self.now + after

    def cancel(self, which, _):
        if self.in_order:
            job_id = sorted(self.in_order)[which % len(self.in_order)]
            self._jobs.cancel(job_id, now=self.now)
            del self.in_order[job_id]
            self.cancelled[self.folders[job_id]] += 1

    def advance(self, seconds, _):
        self.now += seconds


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_between_two_leases_of_a_waiting_folder_no_other_gets_more_than_two(database, steps):
    """Another folder gets one lease more for each cancelled photo of the waiting folder, whose turn passes without a
    lease. Retries are not counted: they were leased before."""
    with database.reading() as connection:  # which undoes it all
        model = Model(connection)
        for verb, *values in [*steps, ("lease", 1000, 0)]:
            getattr(model, verb)(*values)

    for folder in FOLDERS:
        places = [place for place, (job_id, *_) in enumerate(model.leased) if model.folders[job_id] == folder]
        for here, there in pairwise(places):
            if model.leased[there][0] in model.leased[here][2]:
                between = Counter(model.folders[one] for one, is_first, *_ in model.leased[here:there] if is_first)
                del between[folder]
                most = 2 + model.leased[there][3][folder]
                assert all(leases <= most for leases in between.values()), (between, model.leased)
    for folder in FOLDERS:
        first = [one for one, is_first, *_ in model.leased if is_first and model.folders[one] == folder]
        assert first == sorted(first)


# --- from before the fair order


def test_jobs_from_before_the_fair_order_keep_their_order_and_share_fairly(empty_url, clock):
    engine = create_engine(empty_url)
    with engine.begin() as connection:
        migrate(connection, "0004")
        for number in range(40):  # 30 of one folder, then 10 without one; the first of all is tried again later
            values = {
                "id": f"{number:03}",
                "folder": "many" if number < 30 else None,
                "attempt": int(number == 0),
                "due": clock.now + 100 if number == 0 else number,
            }
            connection.execute(
                text("INSERT INTO photos (id, source, folder_id, created_at) VALUES (:id, :id, :folder, 1)"), values
            )
            connection.execute(
                text(
                    "INSERT INTO jobs (id, photo_id, state, priority, attempt, created_at, due_at)"
                    " VALUES (:id, :id, 'queued', 1, :attempt, 1, :due)"
                ),
                values,
            )
    engine.dispose()

    database = Database(empty_url)
    database.open()

    record = Verbs(database, clock)
    leased = [int(lease.job_id) for lease in record.lease(40)]
    record.enqueue(a_request(7, folder="many"))
    clock.advance(seconds=100)
    late = record.lease(2)
    database.close()
    assert sorted(leased[:20]) == [*range(1, 11), *range(30, 40)]
    assert [number for number in leased if number < 30] == list(range(1, 30))
    assert [number for number in leased if number >= 30] == list(range(30, 40))
    assert [lease.job_id for lease in late] == ["000", "job-000007"]
