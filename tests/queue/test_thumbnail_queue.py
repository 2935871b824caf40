"""The queue with its loops, on a real database; what Ray would do is scripted."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from raythumbs.cluster.nodes import Node
from raythumbs.errors import (
    Crashed,
    DatabaseUnavailable,
    NeedsMemory,
    NoSuchObject,
    NotAnImage,
    StoreUnavailable,
    TimedOut,
    UnknownJob,
)
from raythumbs.model.job import Priority, Removal, State
from raythumbs.model.lease import Failed, Report
from raythumbs.queue.batch import Batch, NodeGone, NodeUnfit, TaskLost
from raythumbs.storage.files import FileStore
from raythumbs.worker.pipeline import Reports
from tests.queue.conftest import NODE, Batches, Cluster, a_request, a_success, at_work, eventually, failing


def test_a_photo_that_succeeds_has_its_address_in_the_database(configured):
    async def run():
        async with at_work(configured(), Batches()) as queue:
            await queue.submit(1)
            (job,) = await queue.ended(1)
            return job, await queue.verbs.photo(job.photo_id)

    job, photo = asyncio.run(run())

    assert (job.state, job.attempt) == (State.SUCCEEDED, 1)
    assert [one.url for one in photo.renditions] == ["http://here/k"]


def test_what_cannot_succeed_fails_at_once_with_code_and_reason(configured):
    async def run():
        async with at_work(configured(), Batches(failing(NotAnImage("words"), NoSuchObject("gone")))) as queue:
            await queue.submit(1)
            first = await queue.ended(1)
            await queue.submit(2)
            return first + await queue.ended(2)

    jobs = asyncio.run(run())

    assert [(job.state, job.code, job.reason, job.attempt) for job in jobs] == [
        (State.FAILED, "not_an_image", "words", 1),
        (State.FAILED, "no_such_object", "gone", 1),
    ]


def test_what_may_pass_is_tried_again_until_it_does(configured):
    async def run():
        async with at_work(configured(), Batches(failing(*[StoreUnavailable("away")] * 5))) as queue:
            await queue.submit(1)
            return await queue.ended(1)

    (job,) = asyncio.run(run())

    assert (job.state, job.attempt, job.errors, job.code) == (State.SUCCEEDED, 6, 5, None)


def test_what_never_passes_fails_when_its_errors_are_spent(configured):
    async def run():
        batches = Batches(lambda _lease: Failed(StoreUnavailable("away")))
        async with at_work(configured(max_errors=4), batches) as queue:
            await queue.submit(1)
            return await queue.ended(1)

    (job,) = asyncio.run(run())

    assert (job.state, job.attempt, job.code) == (State.FAILED, 4, "store_unavailable")


@pytest.mark.parametrize(("error", "code"), [(Crashed("fell"), "poison"), (TimedOut("slow"), "timeout")])
def test_what_crashes_or_hangs_three_times_ends_as_failed(configured, error, code):
    async def run():
        async with at_work(configured(), Batches(lambda _lease: Failed(error))) as queue:
            await queue.submit(1)
            return await queue.ended(1)

    (job,) = asyncio.run(run())

    assert (job.state, job.attempt, job.code) == (State.FAILED, 3, code)


def test_of_a_lost_batch_each_photo_is_tried_alone_and_only_the_guilty_pays(configured):
    def answer(lease):
        return TaskLost("the worker died") if lease.job_id == "job-2" else a_success()

    async def run():
        batches = Batches(answer)
        cluster = Cluster({"n": Node("n", cpus=1)})
        async with at_work(configured(), batches, cluster) as queue:
            await queue.submit(1, 2, 3, 4)
            return await queue.ended(1, 2, 3, 4), batches.seen

    jobs, seen = asyncio.run(run())

    assert [job.state for job in jobs] == [State.SUCCEEDED, State.FAILED, State.SUCCEEDED, State.SUCCEEDED]
    assert jobs[1].code == "poison"
    assert [job.crashes for job in jobs if job.state is State.SUCCEEDED] == [0, 0, 0]
    assert all(len(batch) == 1 for batch in seen if "job-2" in batch and batch is not seen[0])


def test_a_lost_node_costs_nobody_anything(configured):
    lost = [NodeGone("NodeDiedError")] * 4

    async def run():
        async with at_work(configured(), Batches(lambda _lease: lost.pop() if lost else a_success())) as queue:
            await queue.submit(1)
            return await queue.ended(1)

    (job,) = asyncio.run(run())

    assert (job.state, job.errors, job.crashes, job.losses) == (State.SUCCEEDED, 0, 0, 0)


@dataclass
class WithABareNode(Batches):
    """A cluster whose node `bare` has not the package, until it is mended; its slots are the most."""

    mended: bool = False
    sent_there: list[str] = field(default_factory=list)

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        if batch.node.id == "bare" and not self.mended:
            self.sent_there += [lease.job_id for lease in batch.leases]
            raise NodeUnfit("10.0.0.3: ModuleNotFoundError: No module named 'raythumbs'")
        async for reports in super().__call__(batch):
            yield reports


BOTH = {"bare": Node("bare", cpus=8), "good": Node("good", cpus=1)}


def test_a_node_where_tasks_cannot_begin_is_sent_no_photo_and_is_named(configured):
    async def run():
        batches = WithABareNode()
        async with at_work(configured(), batches, Cluster(BOTH)) as queue:
            await eventually(lambda: _slots(queue, 1))
            await queue.submit(*range(20))
            return await queue.ended(*range(20)), batches, (await queue.verbs.status()).nodes

    jobs, batches, (bare, good) = asyncio.run(run())

    assert {(job.state, job.attempt, job.crashes, job.losses) for job in jobs} == {(State.SUCCEEDED, 1, 0, 0)}
    assert batches.sent_there == []
    assert (bare.slots, bare.trouble) == (0, "10.0.0.3: ModuleNotFoundError: No module named 'raythumbs'")
    assert (good.slots, good.trouble) == (1, None)


def test_a_node_that_was_mended_is_used_again(configured):
    async def run():
        batches = WithABareNode()
        async with at_work(configured(), batches, Cluster(BOTH), reconsider_seconds=0.1) as queue:
            await eventually(lambda: _slots(queue, 1))
            batches.mended = True
            await eventually(lambda: _slots(queue, 9))

    asyncio.run(run())


ROOMY = Node("roomy", cpus=4, memory_bytes=2_000)


def test_a_photo_that_needs_much_memory_is_rendered_apart_at_no_cost(configured):
    async def run():
        batches = Batches(failing(NeedsMemory("9x9 pixels need 1500 bytes", 1_500)))
        nodes = {"small": Node("small", cpus=8, memory_bytes=1_000), "roomy": ROOMY}
        async with at_work(configured(), batches, Cluster(nodes)) as queue:
            await queue.submit(1)
            return await queue.ended(1), batches

    (job,), batches = asyncio.run(run())

    assert (job.state, job.attempt, job.errors, job.crashes) == (State.SUCCEEDED, 1, 0, 0)
    assert batches.large == [("roomy", 1_500)]


def test_a_node_renders_one_large_photo_at_a_time_and_small_ones_beside_it(configured):
    at_once, most = 0, 0

    async def batch(given):
        nonlocal at_once, most
        for lease in given.leases:
            if lease.job_id == "job-9" or given.memory_bytes:
                at_once += bool(given.memory_bytes)
                most = max(most, at_once)
                await asyncio.sleep(0)  # whoever else may run, runs
                at_once -= bool(given.memory_bytes)
                yield (Report(lease, a_success(), 0.01),)
            else:
                yield (Report(lease, Failed(NeedsMemory("much", 1_500)), 0.0),)

    async def run():
        async with at_work(configured(), batch, Cluster({"roomy": ROOMY})) as queue:
            await queue.submit(1, 2, 3, 9)
            return await queue.ended(1, 2, 3, 9)

    jobs = asyncio.run(run())

    assert {job.state for job in jobs} == {State.SUCCEEDED}
    assert most == 1


def test_more_large_photos_than_may_wait_in_memory_wait_in_the_database(configured):
    few_places = {"large_places": 2, "large_again_seconds": 0.05}

    async def batch(given):
        for lease in given.leases:
            outcome = a_success() if given.memory_bytes else Failed(NeedsMemory("much", 1_500))
            yield (Report(lease, outcome, 0.01),)

    async def run():
        async with at_work(configured(), batch, Cluster({"roomy": ROOMY}), **few_places) as queue:
            await queue.submit(*range(12))
            return await queue.ended(*range(12))

    jobs = asyncio.run(run())

    assert {(job.state, job.errors, job.crashes) for job in jobs} == {(State.SUCCEEDED, 0, 0)}


def test_a_photo_that_needs_more_memory_than_any_node_has_is_refused_with_the_figure(configured):
    async def run():
        batches = Batches(lambda _lease: Failed(NeedsMemory("9x9 pixels need 2500 bytes of memory", 2_500)))
        async with at_work(configured(), batches, Cluster({"roomy": ROOMY})) as queue:
            await queue.submit(1)
            return await queue.ended(1)

    (job,) = asyncio.run(run())

    assert (job.state, job.code) == (State.FAILED, "too_large")
    assert "2500" in job.reason


def test_a_slot_is_given_back_whatever_happens_to_its_batch(configured):
    errors = [ZeroDivisionError("a bug"), TaskLost("gone")]

    async def run():
        settings = configured(lease_seconds=5)
        async with at_work(settings, Batches(lambda _lease: errors.pop(0) if errors else a_success())) as queue:
            await queue.submit(1)
            await eventually(lambda: _no_errors_left(errors))
            await eventually(lambda: _idle(queue))
            await queue.submit(2)
            return await queue.ended(2)

    async def _no_errors_left(left):
        return len(left) < 2

    (job,) = asyncio.run(run())

    assert job.state is State.SUCCEEDED


async def _idle(queue):
    return (await queue.verbs.status()).busy == 0


def test_one_photo_that_waits_is_a_batch_of_one_and_many_share_the_slots(configured):
    async def run():
        batches = Batches(gate=asyncio.Event())
        async with at_work(configured(), batches) as queue:
            await queue.submit(1)
            await eventually(lambda: _seen(batches, 1))
            await queue.submit(*range(2, 42))
            await eventually(lambda: _seen(batches, 2))
            batches.gate.set()
            await queue.ended(*range(1, 42))
            return [len(batch) for batch in batches.seen]

    sizes = asyncio.run(run())

    assert sizes[0] == 1
    assert max(sizes) <= 16
    assert sizes[-1] <= 2


async def _seen(batches, count):
    return len(batches.seen) >= count


async def told_together(batch):
    """Run a batch that reports at its end. Each photo is a success; that of photo 2 can be put into no row."""
    if batch.leases:
        yield ()
        success = a_success()
        twice = replace(success, renditions=success.renditions * 2)
        yield tuple(Report(one, twice if one.job_id == "job-2" else success, seconds=0.0) for one in batch.leases)


def test_a_success_that_cannot_be_recorded_fails_alone(configured):
    async def run():
        async with at_work(configured(), told_together, Cluster({"n": Node("n", cpus=1)})) as queue:
            await queue.submit(1, 2, 3)
            return await queue.ended(1, 2, 3)

    jobs = asyncio.run(run())

    assert [(job.state, job.code, job.attempt) for job in jobs] == [
        (State.SUCCEEDED, None, 1),
        (State.FAILED, "unstorable", 1),
        (State.SUCCEEDED, None, 1),
    ]


def test_photos_that_take_no_time_at_all_still_come_in_batches(configured):
    async def run():
        async with at_work(configured(), told_together, learning=1.0) as queue:  # the guess is what was measured last
            await queue.submit(1)
            await queue.ended(1)
            await queue.submit(3, 4)
            return await queue.ended(3, 4)

    assert {job.state for job in asyncio.run(run())} == {State.SUCCEEDED}


def test_high_goes_before_what_came_earlier(configured):
    async def run():
        batches = Batches(gate=asyncio.Event())
        async with at_work(configured(), batches, Cluster({"n": Node("n", cpus=1)})) as queue:
            await queue.submit(1)
            await eventually(lambda: _seen(batches, 1))
            await queue.submit(2, 3, priority=Priority.LOW)
            await queue.submit(4, priority=Priority.HIGH)
            batches.gate.set()
            await queue.ended(2, 3, 4)
            return [job_id for batch in batches.seen for job_id in batch]

    assert asyncio.run(run()) == ["job-1", "job-4", "job-2", "job-3"]


def stored(settings, key="thumbnails/ab/k.jpg"):
    """Store a thumbnail; return its file."""
    file = settings.data_dir / "store" / key
    file.parent.mkdir(parents=True)
    file.write_bytes(b"thumbnail")
    return file


def made_of(key):
    success = a_success()
    return replace(success, renditions=(replace(success.renditions[0], key=key),))


async def _is_gone(file):
    return not file.exists()


def test_what_a_late_attempt_stored_is_deleted(configured):
    settings = configured()
    file = stored(settings)

    async def run():
        batches = Batches(lambda _lease: made_of("thumbnails/ab/k.jpg"), gate=asyncio.Event())
        async with at_work(settings, batches) as queue:
            await queue.submit(1)
            await eventually(lambda: _seen(batches, 1))
            await queue.verbs.enqueue([Removal(photo_id="x", source=a_request(1).source)])
            batches.gate.set()
            await eventually(lambda: _is_gone(file))
            return await queue.job(1), await queue.verbs.status()

    job, status = asyncio.run(run())

    assert (job.state, job.code) == (State.CANCELLED, "deleted")
    assert status.late_reports == 1


def test_the_renditions_of_a_deleted_photo_are_deleted(configured):
    settings = configured()
    file = stored(settings)

    async def run():
        async with at_work(settings, Batches(lambda _lease: made_of("thumbnails/ab/k.jpg"))) as queue:
            await queue.submit(1)
            await queue.ended(1)
            assert file.exists()
            await queue.verbs.enqueue([Removal(photo_id="x", source=a_request(1).source)])
            await eventually(lambda: _is_gone(file))
            return await queue.verbs.photo("photo-1")

    photo = asyncio.run(run())

    assert photo.renditions == ()


def test_a_photo_that_comes_back_to_a_rendition_while_it_is_deleted_is_rendered_again(configured, monkeypatch):
    settings = configured()
    file = stored(settings)
    deleting, may_delete = threading.Event(), threading.Event()
    delete = FileStore.delete

    def slow(self, key):
        deleting.set()
        may_delete.wait(20)
        delete(self, key)

    monkeypatch.setattr(FileStore, "delete", slow)
    attempts = []

    def answer(lease):
        attempts.append(lease.job_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"thumbnail")
        return made_of("thumbnails/ab/k.jpg")

    async def run():
        async with at_work(settings, Batches(answer)) as queue:
            await queue.submit(1)
            await queue.ended(1)
            await queue.verbs.enqueue([Removal(photo_id="x", source=a_request(1).source)])
            assert await asyncio.to_thread(deleting.wait, 20)
            await queue.verbs.enqueue([replace(a_request(1), job_id="job-2")])
            await queue.ended(2)
            may_delete.set()
            await eventually(lambda: _seen_thrice(attempts))
            return await queue.verbs.photo("photo-1")

    photo = asyncio.run(run())

    assert len(photo.renditions) == 1
    assert file.exists()


async def _seen_thrice(attempts):
    return len(attempts) == 3


def test_a_photo_that_is_not_there_any_more_is_no_failure(configured):
    async def run():
        async with at_work(configured(), Batches(failing(NoSuchObject("no s3://photos/1.jpg")))) as queue:
            await queue.verbs.enqueue([replace(a_request(1), version="v1", event_id="e")])
            return await queue.ended(1)

    (job,) = asyncio.run(run())

    assert (job.state, job.code, job.attempt) == (State.CANCELLED, "deleted", 1)


def test_a_store_that_tells_when_to_come_back_is_obeyed(configured):
    async def run():
        error = StoreUnavailable("SlowDown", retry_after_seconds=5000)
        async with at_work(configured(), Batches(failing(error))) as queue:
            await queue.submit(1)
            await eventually(lambda: _has_error(queue, 1))
            return await queue.job(1)

    job = asyncio.run(run())

    assert 4900 < job.due_at - job.created_at < 5100


async def _has_error(queue, number):
    return (await queue.job(number)).errors == 1


def test_timeouts_and_crashes_have_budgets_of_their_own(configured):
    errors = [Crashed("x"), TimedOut("x"), Crashed("x"), TimedOut("x"), StoreUnavailable("x")]

    async def run():
        async with at_work(configured(), Batches(failing(*errors))) as queue:
            await queue.submit(1)
            return await queue.ended(1)

    (job,) = asyncio.run(run())

    assert (job.state, job.crashes, job.timeouts, job.errors) == (State.SUCCEEDED, 2, 2, 1)


def test_a_late_report_changes_nothing(configured):
    async def run():
        batches = Batches(gate=asyncio.Event())
        async with at_work(configured(), batches) as queue:
            await queue.submit(1)
            await eventually(lambda: _seen(batches, 1))
            await queue.verbs.cancel("job-1")
            batches.gate.set()
            await eventually(lambda: _idle(queue))
            job = await queue.job(1)
            return job, await queue.verbs.photo(job.photo_id)

    job, photo = asyncio.run(run())

    assert job.state is State.CANCELLED
    assert photo.renditions == ()


def test_of_reports_that_come_together_only_the_late_one_is_refused(configured):
    async def run():
        gate = asyncio.Event()

        async def batches(batch):
            if batch.leases:
                await gate.wait()
            async for reports in told_together(batch):
                yield reports

        async with at_work(configured(), batches, Cluster({"n": Node("n", cpus=1)})) as queue:
            await queue.submit(3, 4, 5)
            await eventually(lambda: _all_run(queue, 3, 4, 5))
            await queue.verbs.cancel("job-4")
            gate.set()
            jobs = await queue.ended(3, 4, 5)
            await eventually(lambda: _idle(queue))
            return jobs, await queue.verbs.status()

    jobs, status = asyncio.run(run())

    assert [job.state for job in jobs] == [State.SUCCEEDED, State.CANCELLED, State.SUCCEEDED]
    assert status.late_reports == 1


async def _all_run(queue, *numbers):
    return all([(await queue.job(number)).state is State.RUNNING for number in numbers])


def test_a_queue_that_is_begun_anew_takes_up_what_ran(configured):
    async def run():
        first = Batches(gate=asyncio.Event())
        async with at_work(configured(drain_seconds=0.01), first) as queue:
            await queue.submit(1, 2, 3)
            await eventually(lambda: _seen(first, 1))
        async with at_work(configured(), Batches()) as queue:
            return await queue.ended(1, 2, 3)

    jobs = asyncio.run(run())

    assert {(job.state, job.errors, job.crashes, job.losses) for job in jobs} == {(State.SUCCEEDED, 0, 0, 0)}


def test_draining_finishes_what_runs_and_keeps_what_comes_for_the_next(configured):
    async def run():
        batches = Batches(gate=asyncio.Event())
        async with at_work(configured(), batches, Cluster({"n": Node("n", cpus=1)}), drained=False) as queue:
            await queue.submit(1)
            await eventually(lambda: _seen(batches, 1))
            await queue.submit(2)
            draining = asyncio.create_task(queue.verbs.drain())
            await asyncio.sleep(0)
            await queue.submit(3)
            batches.gate.set()
            await draining
            await queue.verbs.close()
        async with at_work(configured(), Batches()) as queue:
            return batches.seen, await queue.ended(1, 2, 3)

    seen, jobs = asyncio.run(run())

    assert seen == [["job-1"]]
    assert [(job.state, job.attempt) for job in jobs] == [(State.SUCCEEDED, 1)] * 3


def test_a_drained_queue_whose_place_nobody_takes_works_on(configured):
    async def run():
        async with at_work(configured(), Batches(), handover_seconds=0.1) as queue:
            await queue.verbs.drain()
            await queue.submit(1)
            return await queue.ended(1)

    [job] = asyncio.run(run())

    assert job.state == State.SUCCEEDED


def test_slots_follow_the_nodes(configured, monkeypatch):
    async def run():
        cluster = Cluster()
        async with at_work(configured(), Batches(), cluster) as queue:
            await eventually(lambda: _slots(queue, 2))
            cluster.nodes["node-2"] = Node("node-2", cpus=16)
            await eventually(lambda: _slots(queue, 10))
            del cluster.nodes[NODE.id]
            await eventually(lambda: _slots(queue, 8))
            return (await queue.verbs.status()).nodes

    (node,) = asyncio.run(run())

    assert (node.node, node.cpus, node.slots) == ("node-2", 16, 8)


async def _slots(queue, count):
    return (await queue.verbs.status()).total == count


def test_a_database_that_comes_late_is_waited_for(configured, tmp_path):
    async def run():
        blocked = tmp_path / "late"
        blocked.touch()
        settings = configured(database=f"sqlite:///{blocked}/record.db")
        async with at_work(settings, Batches()) as queue:
            while not hasattr(queue.verbs, "_trouble"):
                await asyncio.sleep(0.01)
            blocked.unlink()
            Path(blocked).mkdir()
            await queue.submit(1)
            return await queue.ended(1)

    (job,) = asyncio.run(run())

    assert job.state is State.SUCCEEDED


def test_retry_and_cancel_are_one_verb_from_door_to_row(configured):
    async def run():
        async with at_work(configured(), Batches(failing(NotAnImage("words")))) as queue:
            await queue.submit(1)
            failed = await queue.ended(1)
            await queue.verbs.retry("job-1")
            succeeded = await queue.ended(1)
            with pytest.raises(UnknownJob):
                await queue.verbs.cancel("no-such-job")
            return failed + succeeded

    assert [job.state for job in asyncio.run(run())] == [State.FAILED, State.SUCCEEDED]


def test_checking_tells_of_a_store_that_cannot_be_used(configured, tmp_path):
    async def run():
        async with at_work(configured(), Batches()) as queue:
            await queue.verbs.check()
            (tmp_path / "store" / ".unfinished").rmdir()
            (tmp_path / "store").rmdir()
            (tmp_path / "store").touch()
            with pytest.raises(StoreUnavailable):
                await queue.verbs.check()

    asyncio.run(run())


def test_asking_twice_for_the_same_photo_is_one_job(configured):
    async def run():
        batches = Batches(gate=asyncio.Event())
        async with at_work(configured(), batches) as queue:
            first = await queue.verbs.enqueue([a_request(1)])
            second = await queue.verbs.enqueue([a_request(1)])
            batches.gate.set()
            return first, second

    first, second = asyncio.run(run())

    assert [job.id for job in first] == [job.id for job in second]


def test_a_queue_whose_first_look_at_the_nodes_fails_opens_all_the_same(configured, caplog):
    class Blinking(Cluster):
        async def __call__(self):
            if not self.looked:
                self.looked = True
                raise ConnectionError("the GCS is away")
            return await super().__call__()

        looked = False

    async def run():
        async with at_work(configured(), Batches(), Blinking()) as queue:
            await queue.submit(1)
            return await queue.ended(1)

    [job] = asyncio.run(run())

    assert job.state is State.SUCCEEDED
    assert "the GCS is away" in caplog.text


def test_a_drain_that_the_database_breaks_off_still_takes_back_the_slots_and_works_on(configured, monkeypatch):
    taken_back = []

    async def take_back(self):
        taken_back.append(self)

    def fail(*_arguments, **_options):
        raise DatabaseUnavailable("away")

    monkeypatch.setattr("raythumbs.queue.scaling.Scaling.end", take_back)

    async def run():
        async with at_work(configured(), Batches(), handover_seconds=0.05) as queue:
            await queue.submit(1)
            await queue.ended(1)
            with monkeypatch.context() as away:
                away.setattr("raythumbs.db.leases.Leases.readopt", fail)
                with pytest.raises(DatabaseUnavailable):
                    await queue.verbs.drain()
            await queue.submit(2)
            return await queue.ended(2), list(taken_back)

    [job], taken = asyncio.run(run())

    assert job.state is State.SUCCEEDED
    assert len(taken) == 1
