"""The order of things in a batch at work; the stages are scripted, so that a test says what takes how long."""

import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from socket import gethostname
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from raythumbs.errors import AccessDenied, BadPicture, StoreUnavailable
from raythumbs.model.job import Priority
from raythumbs.model.lease import Failed, Lease, Report, Succeeded
from raythumbs.model.took import Took
from raythumbs.worker.pipeline import render
from raythumbs.worker.stages import AT_ONCE, Stopwatch, Stored
from tests.batches import given, no_more
from tests.queue.conftest import a_success

PATIENCE_SECONDS = 20


@dataclass
class Stages:
    """A workbench whose stages do what they are told; it notes what begins, in order."""

    prefetch_bytes: int = 1000
    photo_seconds: float = 0.1
    fetch_seconds: float = 0.0
    photo_bytes: float = 10.0
    fetches_at_once: int = AT_ONCE
    fetched: Callable[[Lease], object] = lambda _lease: None
    rendered: Callable[[Lease], object] = lambda _lease: None
    stored: Callable[[Lease], object] = lambda _lease: None
    log: list[tuple[str, str]] = field(default_factory=list)
    fetch_took: list[float] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    most_held: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plan = SimpleNamespace(prefetch_bytes=self.prefetch_bytes)
        self.renderer = ThreadPoolExecutor(1)
        self._threads = ThreadPoolExecutor(2 * AT_ONCE)
        self.changed = threading.Condition()

    def fetch(self, lease: Lease) -> "Future[Any]":
        self.held[lease.job_id] = lease.size_bytes or int(self.photo_bytes)
        self.most_held.append((len(self.held), sum(self.held.values())))
        self._note("fetch", lease)
        return self._threads.submit(self._fetch, lease)

    def _fetch(self, lease: Lease) -> object:
        try:
            self.fetched(lease)
        except BaseException:
            self.held.pop(lease.job_id)
            raise
        return SimpleNamespace(fetched=lease, took=Took(fetched_bytes=7))

    def learn_of_fetch(self, seconds: float) -> None:
        self.fetch_took.append(seconds)

    def begin(self, photo: Any) -> None:
        self._note("begin", photo.fetched)

    def end(self, photo: Any) -> tuple[object, float]:
        lease = photo.fetched
        self._note("render", lease)
        try:
            self.rendered(lease)
        finally:
            self.held.pop(lease.job_id)
        return SimpleNamespace(decode_seconds=0.004), 0.01

    def store(self, lease: Lease, _fetched: object, _rendered: object) -> "Future[Stored]":
        self._note("store", lease)
        return self._threads.submit(self._store, lease)

    def _store(self, lease: Lease) -> Stored:
        self.stored(lease)
        return Stored(a_success(), Stopwatch().stage(), 3)

    def _note(self, stage: str, lease: Lease) -> None:
        with self.changed:
            self.log.append((stage, lease.job_id))
            self.changed.notify_all()

    def await_log(self, met: Callable[[list[tuple[str, str]]], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: met(self.log), PATIENCE_SECONDS), self.log

    def did(self, stage: str) -> list[str]:
        return [job_id for name, job_id in self.log if name == stage]


def a_lease(number: int, *, priority: Priority = Priority.NORMAL, size_bytes: int | None = None) -> Lease:
    return Lease(
        job_id=f"job-{number}", photo_id=f"photo-{number}", attempt=1, source=f"file:///{number}.jpg", version=None,
        size_bytes=size_bytes, priority=priority, errors=0, timeouts=0, crashes=0, losses=0, created_at=0.0,
        started_at=0.0, until=0.0,
    )  # fmt: skip


def leases(count: int) -> list[Lease]:
    return [a_lease(number) for number in range(count)]


def reported(stages: Stages, batch: Sequence[Lease], ask: Any = no_more) -> dict[str, Report]:
    reports: Iterator[Report] = (one for several in render(stages, batch, ask) for one in several)  # type: ignore[arg-type]
    told = list(reports)
    by_job = {report.lease.job_id: report for report in told}
    assert len(by_job) == len(told)
    return by_job


def test_while_a_photo_is_rendered_the_next_are_fetched_and_the_last_is_stored():
    def while_rendering(lease):
        if lease.job_id == "job-1":
            stages.await_log(lambda log: ("fetch", "job-3") in log and ("store", "job-0") in log)

    stages = Stages(rendered=while_rendering)
    told = reported(stages, leases(4))

    assert len(told) == 4
    assert all(isinstance(report.outcome, Succeeded) for report in told.values())


def test_the_decoder_has_the_next_photo_before_it_has_answered_for_the_last():
    stages = Stages()
    reported(stages, leases(10))

    steps = [step for step in stages.log if step[0] in {"begin", "render"}]
    for number in range(3, 9):  # the first are rendered as they come
        assert steps.index(("begin", f"job-{number + 1}")) < steps.index(("render", f"job-{number}"))


def test_a_slow_store_does_not_stop_rendering():
    stages = Stages(stored=lambda _lease: stages.await_log(lambda log: ("render", "job-9") in log))

    told = reported(stages, leases(10))

    assert len(told) == 10


def test_thumbnails_do_not_pile_up_before_a_store_that_takes_none():
    gate = threading.Event()
    stages = Stages(stored=lambda _lease: gate.wait(PATIENCE_SECONDS))
    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(reported, stages, leases(AT_ONCE + 10))
        stages.await_log(lambda _log: len(stages.did("store")) == AT_ONCE)
        rendered_before = len(stages.did("render"))
        gate.set()

    assert rendered_before == AT_ONCE
    assert len(told.result()) == AT_ONCE + 10


@for_all(sizes=st.lists(st.integers(1, 150), min_size=1, max_size=30))
@settings(max_examples=30)
def test_no_more_bytes_are_held_than_allowed_but_one_photo_always_is(sizes):
    stages = Stages(prefetch_bytes=100)
    batch = [a_lease(number, size_bytes=size) for number, size in enumerate(sizes)]

    told = reported(stages, batch)

    assert len(told) == len(sizes)
    assert all(size <= 100 or photos == 1 for photos, size in stages.most_held)


@for_all(st.integers(1, 5))
@settings(max_examples=5)
def test_no_more_is_fetched_at_once_than_the_network_bears(at_once):
    under_way, most = set(), []

    def while_fetching(lease):
        under_way.add(lease.job_id)
        most.append(len(under_way))
        under_way.remove(lease.job_id)

    stages = Stages(fetches_at_once=at_once, fetched=while_fetching)
    told = reported(stages, leases(20))

    assert len(told) == 20
    assert max(most) <= at_once


def test_how_long_each_fetch_took_is_learnt_whatever_came_of_it():
    def every_other(lease):
        if int(lease.job_id.removeprefix("job-")) % 2:
            raise StoreUnavailable("was not read in its time")

    stages = Stages(fetched=every_other)
    reported(stages, leases(10))

    assert len(stages.fetch_took) == 10
    assert all(0 <= seconds < PATIENCE_SECONDS for seconds in stages.fetch_took)


def test_more_is_asked_for_before_the_last_photo_is_rendered():
    def ask(_room):
        asked.append(len(stages.did("render")))
        return given(*([a_lease(10), a_lease(11)] if len(asked) == 1 else []))

    asked: list[int] = []
    stages = Stages(rendered=lambda lease: lease.job_id != "job-0" or pause.wait(0.1))
    pause = threading.Event()
    told = reported(stages, leases(3), ask)

    assert set(told) == {"job-0", "job-1", "job-2", "job-10", "job-11"}
    assert asked[0] < 3


def test_what_is_asked_for_is_half_a_second_of_rendering():
    rooms = []
    stages = Stages(photo_seconds=0.05, rendered=lambda _lease: pause.wait(0.03))
    pause = threading.Event()
    reported(stages, leases(8), lambda room: rooms.append(room) or given())

    assert max(rooms) <= 10
    assert rooms[0] >= 5  # not before half of it is rendered


def test_before_a_store_that_takes_long_more_is_in_hand_so_that_the_decoder_does_not_wait_for_it():
    rooms = []
    stages = Stages(photo_seconds=0.05, fetch_seconds=0.3, rendered=lambda _lease: pause.wait(0.03))
    pause = threading.Event()
    reported(stages, leases(8), lambda room: rooms.append(room) or given())

    assert 10 < max(rooms) <= 24


def test_while_the_last_photo_is_being_stored_more_is_asked_for_again():
    def ask(_room):
        asked.append(1)
        if len(asked) == 3:
            gate.set()
        return given()

    asked: list[int] = []
    gate = threading.Event()
    stages = Stages(stored=lambda _lease: gate.wait(PATIENCE_SECONDS))

    told = reported(stages, leases(1), ask)

    assert len(told) == 1
    assert len(asked) >= 3


def test_a_person_overtakes_what_was_fetched_before():
    def ask(_room):
        asked.append(1)
        return given(*([a_lease(99, priority=Priority.HIGH)] if len(asked) == 1 else []))

    asked: list[int] = []
    pause = threading.Event()
    stages = Stages(photo_seconds=0.02, rendered=lambda _lease: pause.wait(0.03))
    told = reported(stages, [replace(lease, priority=Priority.LOW) for lease in leases(12)], ask)

    assert len(told) == 13
    assert stages.did("render").index("job-99") < 11


def test_what_is_urgent_is_reported_at_once_though_there_is_other_work():
    urgent_is_told = threading.Event()
    stages = Stages(rendered=lambda lease: lease.job_id == "job-9" and urgent_is_told.wait(PATIENCE_SECONDS))

    batch = [a_lease(0, priority=Priority.HIGH), a_lease(9)]
    for reports in render(stages, batch, no_more, gathering_seconds=2 * PATIENCE_SECONDS):  # type: ignore[arg-type]
        if "job-0" in {report.lease.job_id for report in reports}:
            assert len(reports) == 1
            urgent_is_told.set()

    assert stages.did("render") == ["job-0", "job-9"]


def test_an_answer_that_never_comes_right_ends_the_batch_as_if_there_were_no_more():
    def ask(_room):
        told: Future[Sequence[Lease]] = Future()
        told.set_exception(RuntimeError("the queue is gone"))
        return told

    stages = Stages(stored=lambda _lease: pause.wait(0.2))
    pause = threading.Event()

    assert len(reported(stages, leases(2), ask)) == 2


def refuse(error: Exception) -> Callable[[Lease], None]:
    def refuse_second(lease: Lease) -> None:
        if lease.job_id == "job-1":
            raise error

    return refuse_second


@pytest.mark.parametrize("stage", ["fetched", "rendered", "stored"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnavailable("away"), "store_unavailable"),
        (BadPicture("bad"), BadPicture.code),
        (OSError("odd"), "internal"),
    ],
)
def test_what_goes_wrong_at_any_stage_is_that_photos_own_outcome(stage, error, code):
    told = reported(Stages(**{stage: refuse(error)}), leases(3))

    failed = {job_id: report.outcome for job_id, report in told.items() if isinstance(report.outcome, Failed)}
    assert {job_id: outcome.error.code for job_id, outcome in failed.items()} == {"job-1": code}
    assert len(told) == 3


@pytest.mark.parametrize(
    ("error", "is_told"), [(AccessDenied("no"), True), (StoreUnavailable("away"), True), (BadPicture("bad"), False)]
)
def test_what_may_be_the_fault_of_a_machine_tells_which_one_it_was(error, is_told):
    outcome = reported(Stages(fetched=refuse(error)), leases(3))["job-1"].outcome

    assert (gethostname() in pickle.loads(pickle.dumps(outcome)).error.reason) is is_told
