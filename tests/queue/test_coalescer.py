"""What comes in at one time travels together, and nobody waits for company. The queue is a script, then a real one."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from raythumbs.db.intake_groups import Answer, Group
from raythumbs.errors import Internal, QueueUnavailable, RaythumbsError, Unstorable
from raythumbs.model.job import Job, JobRequest, Priority, Removal, State
from raythumbs.queue.coalescer import Coalescer
from tests.queue.conftest import Batches, a_request, at_work

Intake = Coalescer[Group, list[Job]]


class Queue:
    """Answers a call when the test lets it: a job of each request, but its error for each photo that is `refused`."""

    def __init__(self) -> None:
        self.calls: list[list[Group]] = []
        self.gate = asyncio.Event()
        self.refused: dict[str, RaythumbsError] = {}
        self.away: RaythumbsError | None = None

    async def enqueue_all(self, groups: list[Group]) -> Sequence[list[Job] | RaythumbsError]:
        self.calls.append(groups)
        await self.gate.wait()
        if self.away:
            raise self.away
        return [self._told(group) for group in groups]

    def _told(self, group: Group) -> list[Job] | RaythumbsError:
        errors = [self.refused[change.source] for change in group if change.source in self.refused]
        return errors[0] if errors else [a_job(change) for change in group if isinstance(change, JobRequest)]

    @property
    def photos_a_call(self) -> list[list[str]]:
        return [[change.photo_id for group in groups for change in group] for groups in self.calls]


def a_job(request: JobRequest) -> Job:
    return Job(
        id=request.job_id,
        photo_id=request.photo_id,
        source=request.source,
        state=State.QUEUED,
        priority=request.priority,
        folder_id=None,
        attempt=0,
        errors=0,
        timeouts=0,
        crashes=0,
        losses=0,
        code=None,
        reason=None,
        created_at=0,
        due_at=0,
        started_at=None,
        finished_at=None,
    )


def intake(queue: Queue, *, forgets_who_left: bool = False) -> Intake:
    return Coalescer(queue.enqueue_all, most=1000, weigh=len, forgets_who_left=forgets_who_left)


async def asked(batches: Intake, *numbers: int) -> "asyncio.Task[list[Job]]":
    """Ask for these photos, as one caller, and let it come as far as it can."""
    task = asyncio.create_task(batches.ask([a_request(number) for number in numbers]))
    await all_at_rest()
    return task


async def all_at_rest() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_lone_one_goes_at_once():
    async def story() -> None:
        queue = Queue()

        await asked(intake(queue), 1)

        assert queue.photos_a_call == [["photo-1"]]

    asyncio.run(story())


def test_those_that_come_while_a_call_is_under_way_go_together_in_the_next_in_their_order():
    async def story() -> None:
        queue = Queue()
        batches = intake(queue)
        callers = [await asked(batches, *numbers) for numbers in ([1], [2], [3, 4], [5])]
        assert queue.photos_a_call == [["photo-1"]]

        queue.gate.set()
        answers = await asyncio.gather(*callers)

        assert queue.photos_a_call == [["photo-1"], ["photo-2", "photo-3", "photo-4", "photo-5"]]
        assert [[job.id for job in jobs] for jobs in answers] == [["job-1"], ["job-2"], ["job-3", "job-4"], ["job-5"]]

    asyncio.run(story())


def test_an_error_is_told_to_the_one_whose_it_is():
    async def story() -> None:
        queue = Queue()
        queue.refused["file:///photos/3.jpg"] = Unstorable("no")
        batches = intake(queue)
        callers = [await asked(batches, number) for number in (1, 2, 3, 4)]

        queue.gate.set()
        answers = await asyncio.gather(*callers, return_exceptions=True)

        assert [isinstance(answer, Unstorable) for answer in answers] == [False, False, True, False]

    asyncio.run(story())


def test_a_call_that_fails_is_told_to_all_who_were_in_it_and_the_next_goes_on():
    async def story() -> None:
        queue = Queue()
        queue.away = QueueUnavailable("restarting")
        batches = intake(queue)
        lost = [await asked(batches, number) for number in (1, 2)]
        queue.gate.set()
        answers = await asyncio.gather(*lost, return_exceptions=True)
        assert [type(answer) for answer in answers] == [QueueUnavailable, QueueUnavailable]

        queue.away = None
        [job] = await (await asked(batches, 3))

        assert job.id == "job-3"

    asyncio.run(story())


@pytest.mark.parametrize("answer", [ZeroDivisionError("secret"), []])
def test_a_bug_of_a_call_is_logged_and_told_as_internal_to_each_caller(answer, caplog):
    """A call that answers too few requests must not leave the others waiting for ever."""

    async def call(_asked: list[int]) -> Sequence[int]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def story() -> list[object]:
        coalescer: Coalescer[int, int] = Coalescer(call, most=10)
        return list(await asyncio.gather(*map(coalescer.ask, (1, 2)), return_exceptions=True))

    told = asyncio.run(story())

    assert [type(error) for error in told] == [Internal, Internal]
    assert not any("secret" in str(error) for error in told)
    assert "call.stumbled" in caplog.text
    assert "Traceback" in caplog.text


def test_whoever_stops_waiting_takes_nobody_along():
    async def story() -> None:
        queue = Queue()
        batches = intake(queue)
        under_way, first, second = [await asked(batches, number) for number in (1, 2, 3)]

        under_way.cancel()
        first.cancel()
        await all_at_rest()
        queue.gate.set()

        assert [job.id for job in await second] == ["job-3"]
        assert under_way.cancelled()
        assert first.cancelled()

    asyncio.run(story())


@pytest.mark.parametrize("forgets", [False, True])
def test_what_was_asked_by_one_who_has_left_is_sent_unless_it_is_to_be_forgotten(forgets):
    async def story() -> list[list[str]]:
        queue = Queue()
        batches = intake(queue, forgets_who_left=forgets)
        first, leaving, last = [await asked(batches, number) for number in (1, 2, 3)]
        leaving.cancel()
        queue.gate.set()
        await asyncio.gather(first, last)
        return queue.photos_a_call

    assert asyncio.run(story()) == [["photo-1"], ["photo-3"] if forgets else ["photo-2", "photo-3"]]


def test_where_all_who_waited_have_left_and_are_forgotten_no_call_is_made():
    async def story() -> list[list[str]]:
        queue = Queue()
        batches = intake(queue, forgets_who_left=True)
        first, leaving = [await asked(batches, number) for number in (1, 2)]
        leaving.cancel()
        queue.gate.set()
        await first
        await all_at_rest()
        await (await asked(batches, 3))
        return queue.photos_a_call

    assert asyncio.run(story()) == [["photo-1"], ["photo-3"]]


def test_a_call_has_at_most_a_thousand_changes_and_what_has_more_goes_alone():
    async def story() -> None:
        queue = Queue()
        batches = intake(queue)
        sizes = (1, 600, 400, 1, 3000, 5)
        callers = [await asked(batches, *range(size)) for size in sizes]

        queue.gate.set()
        answers = await asyncio.gather(*callers)

        assert [len(call) for call in queue.photos_a_call] == [1, 1000, 1, 3000, 5]
        assert [len(jobs) for jobs in answers] == list(sizes)

    asyncio.run(story())


# --- the other end: several callers' changes at one time, on a real database


def told_in_one_call(configured, *groups: Group) -> Sequence[Answer]:
    async def story() -> Sequence[Answer]:
        async with at_work(configured(), Batches(gate=asyncio.Event()), drained=False) as queue:
            return await queue.verbs.enqueue_all(groups)

    return asyncio.run(story())


def test_each_caller_gets_its_own_jobs(configured):
    told = told_in_one_call(configured, [a_request(1)], [a_request(2), a_request(3), a_request(2)], [], [a_request(4)])

    assert [[job.id for job in jobs.values()] for jobs in told] == [["job-1"], ["job-2", "job-3"], [], ["job-4"]]


def test_callers_of_the_same_photo_get_the_same_job(configured):
    again = replace(a_request(1), job_id="job-1b", photo_id="photo-1b", priority=Priority.HIGH)

    (first,), (second,) = (jobs.values() for jobs in told_in_one_call(configured, [a_request(1)], [again]))

    assert (first.id, second.id) == ("job-1", "job-1")
    assert (first.priority, second.priority) == (Priority.NORMAL, Priority.HIGH)


def test_an_event_that_two_callers_tell_counts_once(configured):
    event = replace(a_request(1), event_id="event")

    told = told_in_one_call(configured, [event], [event, a_request(2)])

    assert [[job.id for job in jobs.values()] for jobs in told] == [["job-1"], ["job-2"]]


@pytest.mark.parametrize("is_removed_last", [True, False])
def test_a_request_and_a_removal_of_two_callers_count_in_their_order(configured, is_removed_last):
    removal = Removal(photo_id="photo-1", source=a_request(1).source)
    told = [[a_request(1)], [removal]]

    async def story() -> State:
        async with at_work(configured(), Batches(gate=asyncio.Event()), drained=False) as queue:
            await queue.verbs.enqueue_all(told if is_removed_last else told[::-1])
            return (await queue.job(1)).state

    assert (asyncio.run(story()) == State.CANCELLED) is is_removed_last


def test_what_the_database_refuses_is_the_fault_of_its_caller_alone(configured):
    bad = replace(a_request(2), size_bytes=1 << 70)

    first, second, third = told_in_one_call(configured, [a_request(1)], [bad], [a_request(3)])

    assert [job.id for job in first.values()] == ["job-1"]
    assert isinstance(second, RaythumbsError)
    assert [job.id for job in third.values()] == ["job-3"]
