"""The stages of a worker process: fetch, render, store. They outlive a task: threads, sandbox and estimates."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from raythumbs.imaging.render import Rendered
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.lease import Lease, Succeeded
from raythumbs.model.photo import CACHE_CONTROL, Rendition, RenditionSpec
from raythumbs.model.source import Source
from raythumbs.model.took import Stage, Took
from raythumbs.storage.base import Fetched, Store
from raythumbs.storage.files import FileStore
from raythumbs.worker.plan import Plan

AT_ONCE = 32  # fetches, and stores: as many as a store 200 ms away needs for photos of 10 ms
_FIRST_GUESS_SECONDS = 0.05  # of CPU for a photo, until some have been rendered
_FIRST_GUESS_BYTES = 5_000_000
_LEARNING = 0.1  # how much one photo changes the guesses
_SHORTEST_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class InHand:
    """A photo that was fetched, how long that took, and the specs to make renditions of: None for all."""

    fetched: Fetched
    fetch: Stage
    specs: tuple[RenditionSpec, ...] | None = None

    @property
    def took(self) -> Took:
        """What the attempt has done so far."""
        return Took(fetch=self.fetch, fetched_bytes=self.fetched.size_bytes)


@dataclass(frozen=True, slots=True)
class Stored:
    """The success of a photo whose renditions are stored, how long storing took, and the bytes that were stored."""

    outcome: Succeeded
    store: Stage
    size_bytes: int


class Stopwatch:
    """Measures one stage, from the moment that it is made."""

    def __init__(self) -> None:
        self._began_at = time.time()
        self._began = time.monotonic()

    def stage(self) -> Stage:
        """Return the stage, which ends now."""
        return Stage(self._began_at, time.monotonic() - self._began)


class Stages:
    """The three stages of a photo. Fetching and storing have threads of their own; `renderer` alone renders.

    They start the sandbox, and end it when they are closed.
    """

    def __init__(self, plan: Plan, sandbox: Sandbox) -> None:
        self.plan = plan
        self.photo_seconds = _FIRST_GUESS_SECONDS
        self.photo_bytes = float(_FIRST_GUESS_BYTES)
        self.fetch_seconds = 0.0
        self.fetches_at_once = AT_ONCE
        self.renderer = ThreadPoolExecutor(1, "render")
        self._sandbox = sandbox
        self._fetchers = ThreadPoolExecutor(AT_ONCE, "fetch")
        self._storers = ThreadPoolExecutor(AT_ONCE, "store")
        self._thumbnails: Store = plan.stores.at(plan.thumbnails_uri, base_url=plan.thumbnails_base_url)
        self._sandbox.start()

    def close(self) -> None:
        """End the child process and the threads."""
        self.renderer.shutdown()
        self._sandbox.close()
        self._fetchers.shutdown()
        self._storers.shutdown()

    def fetch(self, lease: Lease) -> "Future[InHand]":
        """Begin to fetch a photo."""
        return self._fetchers.submit(self._fetch, lease)

    def learn_of_fetch(self, seconds: float) -> None:
        """Adapt the number of parallel fetches to how long one took.

        A slow fetch means that the network is full: halve the number. A quick one adds one."""
        if seconds > self.plan.photo_seconds / 4:
            self.fetches_at_once = max(1, self.fetches_at_once // 2)
        elif seconds < self.plan.photo_seconds / 8:
            self.fetches_at_once = min(AT_ONCE, self.fetches_at_once + 1)

    def begin(self, photo: InHand) -> None:
        """Give a photo to the decoder. It has the time that fetching has left, but at least half: a slow store is not
        the photo's fault."""
        time_left = max(self.plan.photo_seconds - photo.fetch.seconds, self.plan.photo_seconds / 2)
        self._sandbox.give(photo.fetched.file, seconds=time_left, specs=photo.specs)

    def end(self, photo: InHand) -> tuple[Rendered, float]:
        """Return the renditions of the photo that was begun first, and its CPU seconds; close its file."""
        fetched = photo.fetched
        with closing(fetched.file):
            rendered, seconds = self._sandbox.answer()
            # It will hardly be read again: its memory is better used for the photos to come.
            os.posix_fadvise(fetched.file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.photo_seconds += _LEARNING * (max(seconds, _SHORTEST_SECONDS) - self.photo_seconds)
        self.photo_bytes += _LEARNING * (fetched.size_bytes - self.photo_bytes)
        self.fetch_seconds += _LEARNING * (photo.fetch.seconds - self.fetch_seconds)
        return rendered, seconds

    def store(self, lease: Lease, fetched: Fetched, rendered: Rendered) -> "Future[Stored]":
        """Begin to store what was rendered."""
        return self._storers.submit(self._stored, lease, fetched, rendered)

    def _fetch(self, lease: Lease) -> InHand:
        watch = Stopwatch()
        # Every door has asked the policy already. It may have changed since, and this is where all photos are read.
        store, key = self.plan.stores.of(self.plan.policy.check(Source.parse(lease.source)))
        fetched = store.get(key, max_bytes=self.plan.max_photo_bytes, seconds=self.plan.photo_seconds)
        return InHand(fetched, watch.stage(), self.plan.missing(lease, fetched.version))

    def _stored(self, lease: Lease, fetched: Fetched, rendered: Rendered) -> Stored:
        watch = Stopwatch()
        made = []
        for one in rendered.renditions:
            spec = one.spec
            key = self.plan.key(lease.source, fetched.version, spec)
            self._thumbnails.put(key, one.data, spec.format.content_type, cache_control=CACHE_CONTROL)
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
        outcome = Succeeded(facts, (*made, *_kept(lease, fetched.version, made)))
        return Stored(outcome, watch.stage(), sum(one.size_bytes for one in made))

    def _url(self, key: str) -> str:
        if isinstance(self._thumbnails, FileStore):  # a folder is served by the service itself
            return f"{self.plan.service_url}/thumbnails/{key.removeprefix(self.plan.thumbnails_prefix)}"
        return self._thumbnails.url(key)


def _kept(lease: Lease, version: str, made: Sequence[Rendition]) -> list[Rendition]:
    """Return the renditions that the photo has and keeps: of the version that was fetched, and not made again."""
    again = {one.name for one in made}
    return [one for one in lease.renditions if lease.kept_version == version and one.name not in again]
