"""The remote function: fetch ahead, render, store behind. Plain code; Ray is the last lines."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

import ray
from ray.exceptions import NodeDiedError, RayError, RuntimeEnvSetupError, TaskUnschedulableError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from raythumbs.engine.slots import SLOT_RESOURCE, Node
from raythumbs.engine.work import Work
from raythumbs.errors import Crashed, RaythumbsError
from raythumbs.imaging.render import Rendered
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.lease import Failed, Lease, Outcome, Report, Succeeded
from raythumbs.model.photo import Rendition
from raythumbs.model.source import Source
from raythumbs.storage.base import Fetched, Store
from raythumbs.storage.files import FileStore

Tell = Callable[[Report], None]
Reports = tuple[Report, ...]

_AHEAD = 4  # photos fetched, or being fetched, while one is rendered
_GATHERING_SECONDS = 0.2
_TASKS_A_WORKER = 500  # then a new process: whatever leaked is given back


@dataclass(frozen=True, slots=True)
class _Fetching:
    lease: Lease
    began_at: float
    fetched: Future[Fetched]


class BatchLost(Exception):
    """The task ended without reporting all of its batch; `blameless` where its node, not a photo, is the reason."""

    def __init__(self, reason: str, *, blameless: bool) -> None:
        super().__init__(reason)
        self.blameless = blameless


class Workbench:
    """What a worker process keeps between its tasks: threads for the store's side, and the sandbox."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._sandbox = Sandbox(work.specs, work.limits)
        self._fetchers = ThreadPoolExecutor(_AHEAD, "fetch")
        self._renderer = ThreadPoolExecutor(1, "render")
        self._storers = ThreadPoolExecutor(_AHEAD, "store")
        self._thumbnails: Store = work.stores.at(work.thumbnails_uri, base_url=work.thumbnails_base_url)
        self._sandbox.start()

    def close(self) -> None:
        """End the child process and the threads."""
        self._renderer.shutdown()
        self._sandbox.close()
        self._fetchers.shutdown()
        self._storers.shutdown()

    def render(self, leases: Sequence[Lease]) -> Iterator[Reports]:
        """Render a batch; nothing of one photo stops another.

        What is done is reported within a fifth of a second, the last photo at once: reports that travel together, and
        are committed together, cost a fraction.
        """
        reports: SimpleQueue[Report] = SimpleQueue()
        # In a thread of its own: while reports are on their way, the next photo is rendered.
        self._renderer.submit(self._render_all, leases, reports.put)
        left = len(leases)
        while left:
            ready = _gathered(reports, left)
            left -= len(ready)
            yield ready

    def _render_all(self, leases: Sequence[Lease], report: Tell) -> None:
        waiting = iter(leases)
        fetching = [self._fetch_ahead(lease) for lease in islice(waiting, _AHEAD)]
        while fetching:
            ready = _first_done(fetching)
            fetching.remove(ready)
            fetching += [self._fetch_ahead(lease) for lease in islice(waiting, 1)]
            self._render_one(ready, report)

    def _fetch_ahead(self, lease: Lease) -> _Fetching:
        return _Fetching(lease, time.monotonic(), self._fetchers.submit(self._fetch, lease))

    def _fetch(self, lease: Lease) -> Fetched:
        store, key = self._work.stores.of(Source.parse(lease.source))
        return store.get(key, max_bytes=self._work.max_photo_bytes, seconds=self._work.photo_seconds)

    def _render_one(self, ready: _Fetching, report: Tell) -> None:
        """Render what was fetched and let it be stored, or report why not."""
        try:
            fetched = ready.fetched.result()
            with closing(fetched.file):
                left = self._work.photo_seconds - (time.monotonic() - ready.began_at)
                rendered, seconds = self._sandbox.render(fetched.file, seconds=max(left, 1.0))
                # It will hardly be read again: its memory is better used for the photos to come.
                os.posix_fadvise(fetched.file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        except Exception as error:  # noqa: BLE001 an attempt's edge: it becomes the photo's outcome
            report(Report(ready.lease, _failed(error), 0.0))
        else:
            self._storers.submit(self._store, ready.lease, fetched, rendered, seconds).add_done_callback(
                lambda stored: report(stored.result())
            )

    def _store(self, lease: Lease, fetched: Fetched, rendered: Rendered, seconds: float) -> Report:
        try:
            return Report(lease, self._stored(lease, fetched, rendered), seconds)
        except Exception as error:  # noqa: BLE001 an attempt's edge: it becomes the photo's outcome
            return Report(lease, _failed(error), seconds)

    def _stored(self, lease: Lease, fetched: Fetched, rendered: Rendered) -> Succeeded:
        made = []
        for one in rendered.renditions:
            spec = one.spec
            key = self._work.key(lease.source, fetched.version, spec)
            self._thumbnails.put(key, one.data, spec.format.content_type)
            made.append(
                Rendition(
                    name=spec.name,
                    width=one.width,
                    height=one.height,
                    format=spec.format,
                    size_bytes=len(one.data),
                    key=key,
                    url=self._url(key),
                )
            )
        facts = rendered.facts(size_bytes=fetched.size_bytes, version=fetched.version)
        return Succeeded(facts, tuple(made))

    def _url(self, key: str) -> str:
        if isinstance(self._thumbnails, FileStore):  # a folder is served by the service itself
            return f"{self._work.service_url}/thumbnails/{key.removeprefix(self._work.thumbnails_prefix)}"
        return self._thumbnails.url(key)


def _gathered(reports: SimpleQueue[Report], most: int) -> Reports:
    """Wait for a report, and a little longer for others."""
    ready = [reports.get()]
    until = time.monotonic() + _GATHERING_SECONDS
    with suppress(Empty):
        while len(ready) < most:
            ready.append(reports.get(timeout=max(0.0, until - time.monotonic())))
    return tuple(ready)


def _first_done(fetching: list[_Fetching]) -> _Fetching:
    by_future = {one.fetched: one for one in fetching}
    return by_future[next(as_completed(by_future))]


def _failed(error: Exception) -> Outcome:
    if isinstance(error, RaythumbsError):
        error.__cause__ = error.__context__ = None  # which may not travel
        return Failed(error)
    return Failed(Crashed(f"{type(error).__name__}: {error}"))


_workbenches: dict[Work, Workbench] = {}  # this process's, which is never more than one


def _workbench(work: Work) -> Workbench:
    if work not in _workbenches:
        for old in _workbenches.values():  # of a queue before this one, or with the memory of a large photo
            old.close()
        _workbenches.clear()
        _workbenches[work] = Workbench(work)
    return _workbenches[work]


def render_batch(leases: Sequence[Lease], work: Work) -> Iterator[Reports]:
    """Render a batch of leases in this process: report nothing, to say that it began, then each photo as it is done.

    An empty batch makes the process ready for those to come.
    """
    yield ()
    yield from _workbench(work).render(leases)


# --- the thin skin of Ray

_render_batch = ray.remote(num_cpus=1, max_retries=0, max_calls=_TASKS_A_WORKER)(render_batch)  # the queue owns retries


async def run_batch(
    node: Node, leases: Sequence[Lease], memory_bytes: int | None, *, work: Work, patience_seconds: float
) -> AsyncIterator[Reports]:
    """Run a batch on a node, or elsewhere if that is gone, and pass on what it says as it says it.

    With `memory_bytes` it is a large photo, and Ray sets so much of the node's memory apart for it. Raises BatchLost
    when the task dies. One that has begun and then says nothing for `patience_seconds` is killed.
    """
    said: Any = _render_batch.options(
        scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=True),
        resources={SLOT_RESOURCE: 1} if node.declares_slots else None,
        memory=memory_bytes,
        name=f"render {len(leases)}",
    ).remote(leases, work.of_the_large if memory_bytes else work)
    patience: float | None = None  # one that waits for a CPU is not late
    while True:
        try:
            async with asyncio.timeout(patience):
                yield await (await anext(said))
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            ray.cancel(said, force=True)
            raise BatchLost(f"nothing was heard for {patience_seconds:.0f} s", blameless=False) from error
        except (NodeDiedError, TaskUnschedulableError, RuntimeEnvSetupError) as error:
            raise BatchLost(type(error).__name__, blameless=True) from error
        except RayError as error:
            raise BatchLost(type(error).__name__, blameless=False) from error
        patience = patience_seconds
