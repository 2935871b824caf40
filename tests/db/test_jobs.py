"""The moves of jobs as rows, on both databases."""

from dataclasses import replace

import pytest
from sqlalchemy import event

from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.errors import Crashed, IllegalMove, NotAnImage, StaleLease, StoreUnavailable, UnknownJob, Unstorable
from raythumbs.model.job import Priority, State
from tests.db.conftest import a_request, a_success, in_order

# --- enqueuing


def test_an_enqueued_job_has_the_values_of_its_request(record, clock):
    (job,) = record.enqueue(replace(a_request(7, priority=Priority.HIGH), file_name="cat.jpg"))

    assert record.job("job-000007") == job
    assert (job.state, job.priority, job.attempt, job.file_name) == (State.QUEUED, Priority.HIGH, 0, "cat.jpg")
    assert (job.created_at, job.due_at) == (clock.now, clock.now)


def test_two_requests_for_a_photo_make_one_job(record):
    (first,) = record.enqueue(a_request(1))

    (second,) = record.enqueue(a_request(2, source=first.source))

    assert second == first
    assert [job.id for job in record.page()] == [first.id]


def test_two_requests_for_a_photo_in_one_call_make_one_job(record):
    first, second = a_request(1), a_request(2, source="s3://photos/000001.jpg")

    jobs = record.enqueue(first, second)

    assert len(jobs) == len(record.page()) == 1


def test_a_photo_whose_job_has_ended_gets_a_new_one(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.finish(lease, a_success())

    (again,) = record.enqueue(a_request(2, source="s3://photos/000001.jpg"))

    assert (again.id, again.photo_id) == ("job-000002", "photo-000001")


def test_the_same_request_twice_makes_one_job_even_if_it_ended_in_between(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.finish(lease, a_success())

    (same, other) = record.enqueue(a_request(1), a_request(2))

    assert (same.id, same.state) == (lease.job_id, State.SUCCEEDED)
    assert other.state is State.QUEUED
    assert len(record.page()) == 2


def test_jobs_are_returned_in_the_order_of_their_requests(record):
    record.enqueue(a_request(3), a_request(5))

    jobs = record.enqueue(a_request(5), a_request(4), a_request(3))

    assert [job.id for job in jobs] == ["job-000005", "job-000004", "job-000003"]


def test_a_higher_priority_raises_the_jobs_and_a_lower_one_changes_nothing(record):
    record.enqueue(a_request(1, priority=Priority.NORMAL))

    (hastened,) = record.enqueue(a_request(2, source="s3://photos/000001.jpg", priority=Priority.HIGH))
    (unchanged,) = record.enqueue(a_request(3, source="s3://photos/000001.jpg", priority=Priority.LOW))

    assert (hastened.priority, unchanged.priority) == (Priority.HIGH, Priority.HIGH)


def test_a_higher_priority_ends_the_wait_for_a_retry_and_the_same_one_does_not(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.release(lease, StoreUnavailable("away"), after=3600, counts=["errors"])

    record.enqueue(a_request(2, source=lease.source))
    waits = record.lease()
    record.enqueue(a_request(3, source=lease.source, priority=Priority.HIGH))
    (hastened,) = record.lease()

    assert waits == []
    assert (hastened.job_id, hastened.priority, hastened.errors) == (lease.job_id, Priority.HIGH, 1)


def test_raising_the_priority_of_a_due_job_keeps_its_age(record, clock):
    (job,) = record.enqueue(a_request(1))
    clock.advance(seconds=60)

    (hastened,) = record.enqueue(a_request(2, source=job.source, priority=Priority.HIGH))

    assert hastened.due_at == job.due_at


@pytest.mark.parametrize(
    ("version", "counts", "code", "leased"),
    [("v1", 1, "crash", []), (None, 1, "crash", []), ("v2", 0, None, ["v2"])],
)
def test_a_newer_version_ends_the_wait_for_a_retry_and_restores_the_budgets(record, version, counts, code, leased):
    record.enqueue(a_request(1, version="v1"))
    (lease,) = record.lease()
    record.release(lease, Crashed("no"), after=3600, counts=["errors", "timeouts", "crashes", "losses"])

    (job,) = record.enqueue(a_request(2, source=lease.source, version=version, event="new"))

    assert (job.id, job.code) == (lease.job_id, code)
    assert (job.errors, job.timeouts, job.crashes, job.losses) == (counts,) * 4
    assert [again.version for again in record.lease()] == leased


def test_a_newer_version_of_a_queued_photo_keeps_its_place(record, clock):
    record.enqueue(a_request(1), a_request(2, version="v1"), a_request(3))
    clock.advance(seconds=1)

    record.enqueue(a_request(4, source="s3://photos/000002.jpg", version="v2"))

    assert [lease.job_id[-1] for lease in record.lease(3)] == ["1", "2", "3"]


def test_the_facts_of_an_upload_are_kept_even_if_its_event_came_first(record):
    upload = a_request(2, source="s3://photos/000001.jpg", folder="summer")
    record.enqueue(a_request(1, event="e1"))

    (job,) = record.enqueue(replace(upload, file_name="sea.jpg"))
    record.enqueue(replace(upload, folder_id="winter", file_name="ice.jpg"))

    photo = record.photo("photo-000001")
    assert job.folder_id == "summer"
    assert (photo.folder_id, photo.file_name) == ("summer", "sea.jpg")


def test_a_photo_whose_job_another_queue_ends_meanwhile_gets_a_new_one(database, clock):
    ended = []

    def end(connection, _cursor, statement, *_more):
        if statement.startswith("UPDATE jobs") and not ended:  # it was in the way, and has not been looked at
            ended.append("job-000001")
            Jobs(connection).cancel(*ended, now=clock.now)

    with database.writing() as connection:
        Intake(connection).enqueue([a_request(1)], now=clock.now)
        event.listen(connection, "before_cursor_execute", end)

        asked = [a_request(2, source="s3://photos/000001.jpg"), a_request(3)]
        jobs = in_order(asked, Intake(connection).enqueue(asked, now=clock.now))

    assert [(job.id, job.photo_id, job.state) for job in jobs] == [
        ("job-000002", "photo-000001", State.QUEUED),
        ("job-000003", "photo-000003", State.QUEUED),
    ]


def test_a_repeated_event_makes_no_job_even_when_the_first_has_ended(record):
    record.enqueue(a_request(1, event="e1"))
    (lease,) = record.lease()
    record.finish(lease, a_success())

    again = record.enqueue(a_request(2, source="s3://photos/000001.jpg", event="e1"))

    assert again == []
    assert len(record.page()) == 1


def test_one_repeated_event_does_not_keep_out_the_others(record):
    record.enqueue(a_request(1, event="e1"))

    jobs = record.enqueue(a_request(2, event="e1"), a_request(3, event="e3"))

    assert [job.id for job in jobs] == ["job-000003"]


def test_a_newer_version_supersedes_the_job_that_runs_on_the_older(record):
    record.enqueue(a_request(1, version="v1"))
    (old,) = record.lease()

    (new,) = record.enqueue(a_request(2, source=old.source, version="v2"))

    superseded = record.job(old.job_id)
    assert (superseded.state, superseded.code) == (State.CANCELLED, "superseded")
    assert (new.id, new.state) == ("job-000002", State.QUEUED)
    with pytest.raises(StaleLease):
        record.finish(old, a_success())


def test_the_same_version_again_leaves_the_running_job_alone(record):
    record.enqueue(a_request(1, version="v1"))
    (lease,) = record.lease()

    (same,) = record.enqueue(a_request(2, source=lease.source, version="v1"))

    assert (same.id, same.state) == (lease.job_id, State.RUNNING)


def test_thousands_of_requests_are_enqueued_at_once(record):
    jobs = record.enqueue(*(a_request(number, event=f"e{number}") for number in range(2500)))

    assert len({job.id for job in jobs}) == 2500
    assert record.overview().states[State.QUEUED] == 2500


# --- leasing


def test_jobs_are_leased_by_priority_and_then_by_age(record, clock):
    for number, priority in enumerate([Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.NORMAL, Priority.HIGH]):
        record.enqueue(a_request(number, priority=priority))
        clock.advance(seconds=1)

    leases = record.lease(5)

    assert [lease.job_id[-1] for lease in leases] == ["2", "4", "1", "3", "0"]


def test_no_job_is_leased_twice_and_no_more_than_the_limit(record):
    record.enqueue(*(a_request(number) for number in range(5)))

    first, second, third = record.lease(2), record.lease(2), record.lease(2)

    assert [len(first), len(second), len(third)] == [2, 2, 1]
    assert len({lease.job_id for lease in first + second + third}) == 5
    assert record.lease(2) == []


def test_a_lease_has_all_that_an_attempt_needs(record, clock):
    record.enqueue(a_request(1, version="v1"))

    (lease,) = record.lease(seconds=60)

    assert (lease.source, lease.version, lease.attempt) == ("s3://photos/000001.jpg", "v1", 1)
    assert lease.until == clock.now + 60
    assert record.job(lease.job_id).state is State.RUNNING


def test_nothing_is_leased_before_it_is_due(record, clock):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.release(lease, StoreUnavailable("away"), after=10)

    early = record.lease()
    clock.advance(seconds=10)
    (late,) = record.lease()

    assert early == []
    assert late.attempt == 2


def test_a_job_of_a_lost_batch_is_leased_alone(record):
    record.enqueue(a_request(1))
    (suspect,) = record.lease()
    record.release(suspect, Crashed("lost"), counts=["losses"])
    record.enqueue(a_request(2), a_request(3))

    batches = [record.lease(5), record.lease(5)]

    assert [[lease.job_id[-1] for lease in batch] for batch in batches] == [["1"], ["2", "3"]]


def test_a_job_that_is_leased_alone_keeps_its_turn_before_lower_priorities(record):
    record.enqueue(a_request(1, priority=Priority.HIGH), a_request(2, priority=Priority.HIGH))
    (_, suspect) = record.lease(2)
    record.release(suspect, Crashed("lost"), counts=["losses"])
    record.readopt()
    record.enqueue(a_request(3, priority=Priority.NORMAL))

    batches = [record.lease(5) for _ in range(3)]

    assert [[lease.job_id[-1] for lease in batch] for batch in batches] == [["1"], ["2"], ["3"]]


def test_several_batches_are_leased_at_once_in_their_order(record):
    record.enqueue(*(a_request(number) for number in range(5)))

    batches = record.lease_batches(2, 2, 2, 2)

    assert [[lease.job_id[-1] for lease in batch] for batch in batches] == [["0", "1"], ["2", "3"], ["4"]]


def test_among_several_batches_a_job_with_losses_is_alone(record):
    record.enqueue(a_request(1), a_request(2), a_request(3), a_request(4))
    (_, suspect, *_) = record.lease(4)
    record.release(suspect, Crashed("lost"), counts=["losses"])
    record.readopt()

    batches = record.lease_batches(3, 3, 3)

    assert sorted([lease.job_id[-1] for lease in batch] for batch in batches) in (
        [["1", "3", "4"], ["2"]],
        [["1"], ["2"], ["3", "4"]],
    )


def test_waiting_jobs_are_counted_up_to_a_limit(record):
    record.enqueue(*(a_request(number) for number in range(5)))

    assert (record.waiting(3), record.waiting(10)) == (3, 5)


# --- outcomes


def test_success_writes_the_photo_its_renditions_and_the_state_together(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()

    record.finish(lease, a_success("thumbnail", "cover", version="v9"))

    photo = record.photo(lease.photo_id)
    assert record.job(lease.job_id).state is State.SUCCEEDED
    assert (photo.width, photo.height, photo.format, photo.version) == (4000, 3000, "jpeg", "v9")
    assert (photo.thumb_hash, photo.notes) == ("3OcRJYB4d3h/iIeHeEh3eIhw+j2w", ("colour profile ignored", "x"))
    assert [(one.name, one.url) for one in photo.renditions] == [
        ("cover", "http://u/cover"),
        ("thumbnail", "http://u/thumbnail"),
    ]


def test_new_renditions_take_the_place_of_the_old(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.finish(lease, a_success("old", "thumbnail"))
    record.enqueue(a_request(2, source=lease.source))
    (again,) = record.lease()

    record.finish(again, a_success("thumbnail"))

    assert [one.name for one in record.photo(lease.photo_id).renditions] == ["thumbnail"]


def test_a_success_is_written_completely_or_not_at_all(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()

    with pytest.raises(Unstorable):
        record.finish(lease, a_success("same", "same"))

    assert record.job(lease.job_id).state is State.RUNNING
    assert record.photo(lease.photo_id).renditions == ()
    assert record.photo(lease.photo_id).width is None


def test_a_late_attempt_cannot_finish_a_job_it_lost(record, clock):
    record.enqueue(a_request(1))
    (first,) = record.lease(seconds=60)
    clock.advance(seconds=61)
    record.rescue()
    (second,) = record.lease()

    for late in (
        lambda: record.finish(first, a_success("late")),
        lambda: record.fail(first, NotAnImage("late")),
        lambda: record.release(first, StoreUnavailable("late")),
    ):
        with pytest.raises(StaleLease):
            late()

    assert record.job(first.job_id).state is State.RUNNING
    assert record.photo(first.photo_id).renditions == ()
    record.finish(second, a_success())


def test_among_successes_finished_together_only_the_late_one_changes_nothing(record, clock):
    record.enqueue(a_request(1), a_request(2), a_request(3))
    first, late, third = record.lease(3, seconds=60)
    record.cancel(late.job_id)

    refused = record.finish_all(*((lease, a_success()) for lease in (first, late, third)))

    assert refused == [late]
    assert [record.job(lease.job_id).state for lease in (first, late, third)] == [
        State.SUCCEEDED,
        State.CANCELLED,
        State.SUCCEEDED,
    ]
    assert [len(record.photo(lease.photo_id).renditions) for lease in (first, late, third)] == [1, 0, 1]


def test_of_two_attempts_of_a_job_finished_together_the_later_counts(record, clock):
    record.enqueue(a_request(1))
    (lost,) = record.lease(seconds=60)
    clock.advance(seconds=61)
    record.rescue()
    (held,) = record.lease()

    refused = record.finish_all((held, a_success("held")), (lost, a_success("lost")))

    assert refused == [lost]
    assert [one.name for one in record.photo(held.photo_id).renditions] == ["held"]


def test_successes_finished_together_do_not_mix_their_renditions(record):
    record.enqueue(a_request(1), a_request(2))
    leases = record.lease(2)
    record.finish_all(*((lease, a_success("old")) for lease in leases))
    record.enqueue(a_request(3, source=leases[0].source), a_request(4, source=leases[1].source))
    again = record.lease(2)

    record.finish_all((again[0], a_success("new")), (again[1], a_success("old")))

    assert [[one.name for one in record.photo(lease.photo_id).renditions] for lease in again] == [["new"], ["old"]]


def test_a_renewed_lease_is_not_rescued(record, clock):
    record.enqueue(a_request(1))
    (lease,) = record.lease(seconds=60)
    clock.advance(seconds=59)

    record.renew(lease, seconds=60)
    clock.advance(seconds=59)

    assert record.rescue() == []
    record.finish(lease, a_success())


def test_a_lost_lease_cannot_be_renewed(record, clock):
    record.enqueue(a_request(1))
    (lost,) = record.lease(seconds=60)
    clock.advance(seconds=61)
    record.rescue()

    record.renew(lost)

    assert record.job(lost.job_id).state is State.QUEUED


def test_a_released_job_has_its_reason_and_counts_against_the_named_budgets(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()

    record.release(lease, StoreUnavailable("the store is away"), counts=["errors"])

    job = record.job(lease.job_id)
    assert (job.state, job.code, job.reason) == (State.QUEUED, "store_unavailable", "the store is away")
    assert (job.errors, job.crashes, job.losses) == (1, 0, 0)


def test_a_failed_job_has_its_reason(record, clock):
    record.enqueue(a_request(1))
    (lease,) = record.lease()

    record.fail(lease, NotAnImage("no\0 image" + "!" * 5000))

    job = record.job(lease.job_id)
    assert (job.state, job.code, job.finished_at) == (State.FAILED, "not_an_image", clock.now)
    assert len(job.reason) <= 1000
    assert "\0" not in job.reason


# --- moves by a person


def test_a_waiting_and_a_running_job_can_be_cancelled_once_or_twice(record):
    record.enqueue(a_request(1), a_request(2))
    (running,) = record.lease()

    for job_id in ("job-000001", "job-000002", "job-000001"):
        assert record.cancel(job_id).state is State.CANCELLED

    with pytest.raises(StaleLease):
        record.finish(running, a_success())


def test_a_succeeded_job_can_neither_be_cancelled_nor_retried(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.finish(lease, a_success())

    for move in (record.cancel, record.retry):
        with pytest.raises(IllegalMove):
            move(lease.job_id)


def test_a_failed_job_that_is_retried_has_all_its_budgets_again(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.release(lease, Crashed("crash"), counts=["crashes", "errors"])
    (lease,) = record.lease()
    record.fail(lease, NotAnImage("no"))

    job = record.retry(lease.job_id)

    assert (job.state, job.errors, job.crashes, job.losses, job.code) == (State.QUEUED, 0, 0, 0, None)
    (again,) = record.lease()
    assert again.attempt == 3


def test_a_running_job_cannot_be_retried(record):
    record.enqueue(a_request(1))
    record.lease()

    with pytest.raises(IllegalMove, match="job-000001 is running; it cannot be queued"):
        record.retry("job-000001")


def test_a_failed_job_cannot_be_cancelled(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.fail(lease, NotAnImage("no"))

    with pytest.raises(IllegalMove, match="job-000001 is failed; it cannot be cancelled"):
        record.cancel("job-000001")


def test_an_unknown_job_raises_unknown_job(record):
    for verb in (record.job, record.cancel, record.retry):
        with pytest.raises(UnknownJob):
            verb("no-such-job")


def test_a_failed_job_cannot_be_retried_while_another_of_its_photo_waits(record):
    record.enqueue(a_request(1))
    (lease,) = record.lease()
    record.fail(lease, NotAnImage("no"))
    record.enqueue(a_request(2, source=lease.source))

    with pytest.raises(IllegalMove):
        record.retry(lease.job_id)

    assert record.job("job-000002").state is State.QUEUED


# --- rescuing and pruning


def test_a_job_whose_lease_ran_out_is_queued_again_and_leased_alone(record, clock):
    record.enqueue(a_request(1), a_request(2))
    record.lease(seconds=60)
    clock.advance(seconds=61)

    rescued = record.rescue()

    assert rescued == ["job-000001"]
    assert record.job("job-000001").losses == 1


def test_jobs_that_ran_when_the_queue_ended_are_queued_again_without_a_loss(record):
    record.enqueue(a_request(1))
    record.lease()

    readopted = record.readopt()

    job = record.job("job-000001")
    assert readopted == ["job-000001"]
    assert (job.state, job.errors, job.crashes, job.losses) == (State.QUEUED, 0, 0, 0)


def test_old_jobs_are_pruned_and_their_photos_stay(record, clock):
    record.enqueue(a_request(1), a_request(2))
    (done,) = record.lease()
    record.finish(done, a_success())
    clock.advance(seconds=100)

    kept = record.prune(State.SUCCEEDED, before=clock.now - 100)
    pruned = record.prune(State.SUCCEEDED, before=clock.now - 99)

    assert (kept, pruned) == (0, 1)
    with pytest.raises(UnknownJob):
        record.job(done.job_id)
    assert record.photo(done.photo_id).renditions
    assert record.job("job-000002").state is State.QUEUED


def test_pruning_deletes_no_more_than_its_limit(record, clock):
    record.enqueue(*(a_request(number) for number in range(5)))
    for number in range(5):
        record.cancel(f"job-{number:06d}")

    assert record.prune(State.CANCELLED, before=clock.now + 1, limit=3) == 3
    assert record.prune(State.CANCELLED, before=clock.now + 1, limit=3) == 2


def test_forgetting_events_deletes_no_more_than_its_limit(record, clock):
    record.enqueue(*(a_request(number, event=f"e{number}") for number in range(5)))

    assert record.forget_events(before=clock.now + 1, limit=3) == 3
    assert record.forget_events(before=clock.now + 1, limit=3) == 2


def test_an_event_that_was_forgotten_is_new_again(record, clock):
    record.enqueue(a_request(1, event="e1"))
    clock.advance(seconds=100)

    assert record.forget_events(before=clock.now) == 1
    assert record.enqueue(a_request(1, event="e1"))


# --- reading


def test_the_pages_together_are_all_jobs_the_newest_first(record):
    record.enqueue(*(a_request(number) for number in range(25)))

    pages = [record.page(limit=10)]
    while len(pages[-1]) == 10:
        pages.append(record.page(after=pages[-1][-1].id, limit=10))

    assert [job.id for page in pages for job in page] == [f"job-{number:06d}" for number in reversed(range(25))]


def test_a_page_can_be_of_one_state(record):
    record.enqueue(a_request(1), a_request(2))
    record.cancel("job-000001")

    assert [job.id for job in record.page(state=State.CANCELLED)] == ["job-000001"]
    assert [job.id for job in record.page(state=State.QUEUED)] == ["job-000002"]


def test_the_overview_counts_ended_jobs_up_to_a_limit_and_all_waiting_ones(record):
    record.enqueue(*(a_request(number) for number in range(10)))
    for number in range(5):
        record.cancel(f"job-{number:06d}")

    states = record.overview(most_ended=3).states

    assert (states[State.QUEUED], states[State.CANCELLED]) == (5, 3)


def test_the_overview_counts_states_backlog_age_and_rate(record, clock):
    record.enqueue(a_request(1, priority=Priority.HIGH), a_request(2), a_request(3, priority=Priority.LOW))
    (lease,) = record.lease()
    record.finish(lease, a_success())
    clock.advance(seconds=30)

    seen = record.overview()

    assert (seen.states[State.QUEUED], seen.states[State.SUCCEEDED], seen.states[State.FAILED]) == (2, 1, 0)
    assert seen.backlog == {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 1}
    assert seen.backlog_age_seconds == pytest.approx(30)
    assert seen.photos_per_second == pytest.approx(1 / 60)
    clock.advance(seconds=31)
    assert record.overview().photos_per_second == 0
