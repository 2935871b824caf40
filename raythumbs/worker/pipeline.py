"""The pipeline of a batch: fetches the next photos and stores the last thumbnails while one photo is rendered."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from queue import Empty, SimpleQueue
from socket import gethostname
from threading import Event
from typing import TypeVar

from raythumbs.events import known
from raythumbs.model.job import Priority
from raythumbs.model.lease import Failed, Lease, Report
from raythumbs.model.took import Stage, Took
from raythumbs.worker.stages import AT_ONCE, InHand, Stages, Stored

T = TypeVar("T")
Tell = Callable[[Report], None]
Reports = tuple[Report, ...]
Ask = Callable[[int], "Future[Sequence[Lease]]"]  # asks for up to so many more leases; fewer may come, or none

_IN_HAND_SECONDS = 0.5  # of rendering, or more with a slow store: short enough for a person
_MOST_IN_HAND = 2 * AT_ONCE  # photos, where the store is far away
_GIVEN = 2  # photos that the decoder has: the one that it renders, and the next
_ASK_AGAIN_SECONDS = 0.05  # when there was nothing more
_GATHERING_SECONDS = 0.5
_HERE = gethostname()
_PHOTOS_A_TASK = 1000  # then the task ends: Ray replaces worker processes only between tasks


@dataclass(order=True, slots=True)
class _Photo:
    """A photo of the batch. Photos are rendered by priority, and then in the order of their leases."""

    rank: int
    number: int
    lease: Lease = field(compare=False)
    guessed_bytes: float = field(compare=False, default=0.0)
    fetched_since: float = field(compare=False, default=0.0)
    in_hand: InHand | None = field(compare=False, default=None)


def render(
    stages: Stages, leases: Sequence[Lease], ask: Ask, *, gathering_seconds: float = _GATHERING_SECONDS
) -> Iterator[Reports]:
    """Render these leases, and further ones that `ask` brings; report each once.

    Reports are gathered for up to `gathering_seconds`, because reports that are committed together cost a fraction.
    Those of urgent photos and of the last photo go at once.
    """
    reports: SimpleQueue[Report] = SimpleQueue()
    due = Event()

    def tell(report: Report) -> None:
        reports.put(report)
        if report.lease.priority is Priority.HIGH:  # not for each report: waking up costs more than taking it in
            due.set()

    # In a thread of its own, so that photos are rendered while reports are on their way.
    running = stages.renderer.submit(Pipeline(stages, ask, tell).run, leases)
    running.add_done_callback(lambda _: due.set())
    while not running.done():
        due.wait(gathering_seconds)
        due.clear()
        if ready := _taken(reports):
            yield ready
    if ready := _taken(reports):
        yield ready
    running.result()  # or what it raised


def _taken(reports: "SimpleQueue[Report]") -> Reports:
    ready: list[Report] = []
    with suppress(Empty):
        while True:
            ready.append(reports.get_nowait())
    return tuple(ready)


class Pipeline:
    """One thread, in `run`, does everything. Other threads only queue what happened."""

    def __init__(self, stages: Stages, ask: Ask, tell: Tell) -> None:
        self._stages = stages
        self._ask = ask
        self._tell = tell
        self._happened: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._numbered = 0
        self._to_fetch: list[_Photo] = []
        self._fetching = 0
        self._to_render: list[_Photo] = []
        self._rendering: deque[_Photo] = deque()
        self._storing = 0
        self._held_bytes = 0.0
        self._asking = False
        self._ask_again_at = time.monotonic() + _ASK_AGAIN_SECONDS

    def run(self, leases: Sequence[Lease]) -> None:
        """Render these leases and further ones until none is left. Report one outcome for each."""
        self._take(leases)
        while self._not_rendered or self._storing or self._asking:
            self._fetch_ahead()
            self._ask_for_more()
            self._hear()
            if self._can_render:
                self._render()

    @property
    def _not_rendered(self) -> int:
        return len(self._to_fetch) + self._fetching + len(self._to_render) + len(self._rendering)

    @property
    def _can_render(self) -> bool:
        has_some = bool(self._to_render or self._rendering)
        return has_some and self._storing < AT_ONCE  # else thumbnails would pile up before a slow store

    def _hear(self) -> None:
        """Handle what happened. If nothing can be rendered, wait for the next event."""
        with suppress(Empty):
            if not self._can_render:
                self._happened.get(timeout=_ASK_AGAIN_SECONDS)()
            while True:
                self._happened.get_nowait()()

    def _take(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            self._numbered += 1
            heappush(self._to_fetch, _Photo(lease.priority.rank, self._numbered, lease))

    # --- more

    def _ask_for_more(self) -> None:
        """Ask for more when half of what is in hand is rendered: the other half must last until more is fetched."""
        in_hand_seconds = max(_IN_HAND_SECONDS, 4 * self._stages.fetch_seconds)
        wanted = max(2, min(_MOST_IN_HAND, round(in_hand_seconds / self._stages.photo_seconds)))
        is_time = time.monotonic() >= self._ask_again_at and self._numbered < _PHOTOS_A_TASK
        if is_time and not self._asking and self._not_rendered <= wanted // 2:
            self._asking = True
            self._ask(wanted - self._not_rendered).add_done_callback(self._then(self._on_more))

    def _on_more(self, more: "Future[Sequence[Lease]]") -> None:
        self._asking = False
        leases = () if more.exception() else more.result()  # if the queue died, this task ends soon
        if not leases:
            self._ask_again_at = time.monotonic() + _ASK_AGAIN_SECONDS
        self._take(leases)

    # --- the stages

    def _fetch_ahead(self) -> None:
        while self._to_fetch and self._has_room(self._to_fetch[0]):
            photo = heappop(self._to_fetch)
            photo.guessed_bytes = self._guess(photo)
            self._held_bytes += photo.guessed_bytes
            self._fetching += 1
            photo.fetched_since = time.monotonic()
            self._stages.fetch(photo.lease).add_done_callback(self._then(partial(self._on_fetched, photo)))

    def _has_room(self, photo: _Photo) -> bool:
        if not (self._fetching or self._to_render or self._rendering):
            return True
        has_bytes = self._held_bytes + self._guess(photo) <= self._stages.plan.prefetch_bytes
        return has_bytes and self._fetching < self._stages.fetches_at_once

    def _guess(self, photo: _Photo) -> float:
        return photo.lease.size_bytes or self._stages.photo_bytes

    def _on_fetched(self, photo: _Photo, fetched: "Future[InHand]") -> None:
        self._fetching -= 1
        self._stages.learn_of_fetch(time.monotonic() - photo.fetched_since)
        try:
            photo.in_hand = fetched.result()
        except Exception as error:  # noqa: BLE001 an attempt's edge: it becomes the photo's outcome
            self._held_bytes -= photo.guessed_bytes
            self._tell(Report(photo.lease, _failed(photo.lease, error), 0.0))
        else:
            heappush(self._to_render, photo)

    def _render(self) -> None:
        """Wait until the first photo is rendered. The decoder has the next one already, so it never waits."""
        while self._to_render and len(self._rendering) < _GIVEN:
            self._rendering.append(heappop(self._to_render))
            self._stages.begin(_fetched(self._rendering[-1]))
        photo = self._rendering.popleft()
        took, began = _fetched(photo).took, time.monotonic()
        try:
            rendered, seconds = self._stages.end(_fetched(photo))
        except Exception as error:  # noqa: BLE001 as above
            self._tell(Report(photo.lease, _failed(photo.lease, error), 0.0, took))
        else:
            self._storing += 1
            decode, encode = _rendering(began, seconds, decode_seconds=rendered.decode_seconds)
            took = replace(took, decode=decode, encode=encode)
            stored = self._stages.store(photo.lease, _fetched(photo).fetched, rendered)
            tell = partial(self._tell_stored, photo.lease, seconds=seconds, took=took)
            stored.add_done_callback(tell)  # at once, whatever is rendered
            stored.add_done_callback(self._then(self._on_stored))
        finally:
            self._held_bytes -= photo.guessed_bytes

    def _tell_stored(self, lease: Lease, stored: "Future[Stored]", *, seconds: float, took: Took) -> None:
        try:
            done = stored.result()
        except Exception as error:  # noqa: BLE001 as above
            self._tell(Report(lease, _failed(lease, error), seconds, took))
        else:
            took = replace(took, store=done.store, stored_bytes=done.size_bytes)
            self._tell(Report(lease, done.outcome, seconds, took))

    def _on_stored(self, _stored: "Future[Stored]") -> None:
        self._storing -= 1

    def _then(self, react: Callable[["Future[T]"], None]) -> Callable[["Future[T]"], None]:
        """Return a callback that makes `run` react to a finished future."""
        return lambda future: self._happened.put(partial(react, future))


def _fetched(photo: _Photo) -> InHand:
    assert photo.in_hand  # noqa: S101 only what was fetched is rendered
    return photo.in_hand


def _rendering(began: float, cpu_seconds: float, *, decode_seconds: float) -> tuple[Stage, Stage]:
    """Return the two stages of a rendering that ends now: decode and encode.

    `began` (monotonic seconds) is when this thread began to wait for the decoder, which may have been done by then, if
    this thread was busy. The CPU time is the least that it took.
    """
    seconds = max(time.monotonic() - began, cpu_seconds)
    began_at, decode = time.time() - seconds, min(decode_seconds, seconds)
    return Stage(began_at, decode), Stage(began_at + decode, seconds - decode)


def _failed(lease: Lease, unknown: Exception) -> Failed:
    """Return an error as an outcome. A bug is Internal: only the decoder's own process can crash on a photo."""
    error = known(
        "photo.stumbled", unknown, job_id=lease.job_id, photo_id=lease.photo_id, attempt=lease.attempt, machine=_HERE
    )
    error.__cause__ = error.__context__ = None  # which may not travel
    if error.retryable:  # a node may be the reason: one without rights on the bucket, or without a disk
        error.reason = f"{error.reason} (on {_HERE})"
    return Failed(error)
