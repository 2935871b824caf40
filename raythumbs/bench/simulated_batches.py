"""Batches whose photos only take time, or not even that: they begin, grow and report as those of real workers do.

A batch asks for more leases when half of what it should have in hand is rendered, and reports what was done in the
meantime. After so many photos it ends, and its slot gets a new one. This is what worker/pipeline.py does, without
photos, threads and Ray.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from raythumbs.bench.report import BenchFailed
from raythumbs.errors import RaythumbsError
from raythumbs.model.lease import Lease, Report, Succeeded
from raythumbs.model.photo import Format, PictureFacts, Rendition
from raythumbs.queue.batch import Batch
from raythumbs.worker.pipeline import Reports
from raythumbs.worker.stages import AT_ONCE

# The pipeline's own; a test compares them.
IN_HAND_SECONDS = 0.5
GATHERING_SECONDS = 0.5
ASK_AGAIN_SECONDS = 0.05
PHOTOS_A_TASK = 1000

_TYPICAL_SECONDS = 0.05  # of a camera's photo: photos that take no time are asked for and reported in the same numbers
_GOLDEN = 0.618  # multiples of it fall evenly between whole numbers
_PATIENCE_SECONDS = 60
_FACTS = PictureFacts(
    width=4000,
    height=3000,
    format="jpeg",
    size_bytes=5_000_000,
    version="v1",
    thumb_hash="3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
)

More = Callable[[int, int], Awaitable[Sequence[Lease]]]  # for a batch's ticket, up to so many more leases


class SimulatedBatches:
    """Runs batches: while the gate is open, each photo is a success after `photo_seconds`. `more` is the queue's."""

    more: More

    def __init__(self, photo_seconds: float = 0.0) -> None:
        self.gate = asyncio.Event()
        self.finished = 0
        self.photo_seconds = photo_seconds
        self._progress = asyncio.Event()

    async def __call__(self, batch: Batch) -> AsyncIterator[Reports]:
        """Report as a task does: nothing at its beginning, then together what was done in the meantime."""
        yield ()
        worker = _Worker(self, batch)
        working = asyncio.create_task(worker.work())
        try:
            while done := await worker.reported():
                yield tuple(Report(lease, _success(lease), seconds=self.photo_seconds) for lease in done)
                self.finished += len(done)  # the queue asks for the next reports once these are committed
                self._progress.set()
            await working  # or what it raised
        finally:
            working.cancel()

    async def reach(self, finished: int) -> None:
        """Wait until so many have finished since the beginning, or raise BenchFailed."""
        while self.finished < finished:
            self._progress.clear()
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._progress.wait()
            except TimeoutError as error:
                raise BenchFailed(f"no job finished for {_PATIENCE_SECONDS} s; {self.finished} had") from error


class _Worker:
    """One batch at work."""

    def __init__(self, batches: SimulatedBatches, batch: Batch) -> None:
        typical = batches.photo_seconds or _TYPICAL_SECONDS
        self._batches = batches
        self._ticket = batch.ticket
        self._hand = deque(batch.leases)
        self._wanted = max(2, min(AT_ONCE, round(IN_HAND_SECONDS / typical)))
        self._a_report = max(1, round(GATHERING_SECONDS / typical))
        self._report_at = 1 + batch.ticket % self._a_report  # workers do not keep step with each other
        self._room = PHOTOS_A_TASK - len(batch.leases)
        self._ask_again_at = self._rendered_at = 0.0
        self._done: list[Lease] = []
        self._is_over = False
        self._has_news = asyncio.Event()

    async def work(self) -> None:
        """Render what is in hand and what more is given, until nothing is left."""
        asking: asyncio.Future[Sequence[Lease]] | None = None
        try:
            await self._batches.gate.wait()
            begun = self._ticket * _GOLDEN % 1  # of the first photo: workers do not keep step here either
            self._rendered_at = time.monotonic() - begun * self._batches.photo_seconds
            while self._hand or asking:
                is_time = time.monotonic() >= self._ask_again_at and self._room > 0
                if asking is None and is_time and len(self._hand) <= self._wanted // 2:
                    asking = asyncio.ensure_future(self._batches.more(self._ticket, self._wanted - len(self._hand)))
                if self._hand:
                    await self._render()
                if asking and (asking.done() or not self._hand):
                    await self._take(asking)
                    asking = None
        finally:
            self._is_over = True
            self._has_news.set()

    async def reported(self) -> list[Lease]:
        """Wait until there are enough for a report; at the end return none."""
        await self._has_news.wait()
        done, self._done = self._done, []
        self._report_at = self._a_report
        if not self._is_over:
            self._has_news.clear()
        return done

    async def _render(self) -> None:
        await self._batches.gate.wait()
        if self._batches.photo_seconds:
            # By the clock, not from when the loop woke us up: a late wake-up is no photo's time.
            self._rendered_at += self._batches.photo_seconds
            await asyncio.sleep(self._rendered_at - time.monotonic())
        self._done.append(self._hand.popleft())
        if len(self._done) >= self._report_at:
            self._has_news.set()

    async def _take(self, asking: "asyncio.Future[Sequence[Lease]]") -> None:
        """Take the leases that were asked for. With nothing in hand, this waits."""
        is_idle = not self._hand
        if is_idle and self._done:
            self._has_news.set()  # what is done does not wait too
        with suppress(RaythumbsError):  # a queue that ends gives nothing
            leases = await asking
            self._hand.extend(leases)
            self._room -= len(leases)
        if is_idle:
            self._rendered_at = time.monotonic()
        if not self._hand:
            self._ask_again_at = time.monotonic() + ASK_AGAIN_SECONDS


def _success(lease: Lease) -> Succeeded:
    key = f"thumbnails/{lease.photo_id}/thumbnail.jpg"
    url = f"http://127.0.0.1:8000/{key}"
    made = Rendition(name="thumbnail", width=300, height=225, format=Format.JPEG, size_bytes=20_000, key=key, url=url)
    return Succeeded(_FACTS, (made,))
