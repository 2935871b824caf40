"""Photos in one go through the whole service, and what that takes of the machine."""

import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from raythumbs.bench.meter import MARK, Family, Usage, metered
from raythumbs.bench.originals import originals, service_over
from raythumbs.bench.pictures import draw_photos
from raythumbs.bench.throughput.limit import limit_photos_per_second
from raythumbs.client import Client
from raythumbs.errors import RaythumbsError
from raythumbs.model.photo import RenditionSpec

_DRAWN = 8
_WARM_UP_PHOTOS = 200
_SUBMITTED_AT_ONCE = 1000
_SETTLING_SECONDS = 2.0
_POLL_SECONDS = 0.5  # to ask costs CPU, which the photos could use
_PATIENCE_SECONDS = 120.0
_PHOTO_SECONDS = 5.0
_FINAL = ("succeeded", "failed", "cancelled")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many photos of a size; slots, if not one for each core."""

    photos: int
    size_mb: float
    slots: int | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What tells the service how many slots it has."""
        return {"RAYTHUMBS_MAX_WORKERS_PER_NODE": str(self.slots)} if self.slots else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """From the first submission until the last photo was finished, by the record; memory before and after."""

    seconds: float
    usage: Usage
    actor_cpu_seconds: float
    begin_memory_bytes: int
    end_memory_bytes: int


class NotAllMade(RaythumbsError):
    """Photos are without thumbnails."""

    code = "not_all_made"


def pass_through(load: Load, *, say: Say) -> Taken:
    """Start a service, warm it up, pass the photos through it, and stop it. Raises NotAllMade."""
    with originals(latency_ms=0) as store:
        say(f"{load.photos:,} photos of {load.size_mb:g} MB: drawing some")
        drawn = store.draw(load.size_mb)
        warm_up = min(_WARM_UP_PHOTOS, load.photos)
        sources = store.link(drawn, warm_up + load.photos)
        say(f"{load.photos:,} photos of {load.size_mb:g} MB: starting the service")
        family = Family(secrets.token_hex(8))
        with service_over(store, load.environment | {MARK: family.mark}) as client:
            _submit_and_wait(client, sources[:warm_up], ended=warm_up)
            time.sleep(_SETTLING_SECONDS)
            say(f"{load.photos:,} photos of {load.size_mb:g} MB: on their way")
            return _passed(client, family, sources[warm_up:])


def limit_seconds_per_photo(*, size_mb: float, cores: int) -> float:
    """Return what a core takes for a photo if it does nothing but render, while as many do."""
    with tempfile.TemporaryDirectory(prefix="rt-limit-") as folder:
        drawn = list(draw_photos(Path(folder), count=_DRAWN, size_mb=size_mb, processes=cores))
        return cores / limit_photos_per_second(drawn, RenditionSpec(), workers=cores)


def _passed(client: Client, family: Family, sources: Sequence[str]) -> Taken:
    before = sum(_ended(client).values())
    begin_memory_bytes = family.memory_bytes()
    actor_before = _actor_cpu_seconds(family)
    with metered(family) as meter:
        began_at = time.time()
        _submit_and_wait(client, sources, ended=before + len(sources))
    actor_cpu_seconds = _actor_cpu_seconds(family) - actor_before
    time.sleep(_SETTLING_SECONDS)
    end_memory_bytes = family.memory_bytes()
    return Taken(
        seconds=_last_finished_at(client, sources) - began_at,
        usage=meter.usage(),
        actor_cpu_seconds=actor_cpu_seconds,
        begin_memory_bytes=begin_memory_bytes,
        end_memory_bytes=end_memory_bytes,
    )


def _submit_and_wait(client: Client, sources: Sequence[str], *, ended: int) -> None:
    for first in range(0, len(sources), _SUBMITTED_AT_ONCE):
        client.submit(sources[first : first + _SUBMITTED_AT_ONCE])
    until = time.monotonic() + _PATIENCE_SECONDS + _PHOTO_SECONDS * len(sources)
    while sum((states := _ended(client)).values()) < ended:
        if time.monotonic() > until:
            raise NotAllMade(f"of {ended:,} jobs have ended: {states}")
        time.sleep(_POLL_SECONDS)
    if states["succeeded"] < ended:
        raise NotAllMade(f"of {ended:,} jobs have ended: {states}")


def _ended(client: Client) -> dict[str, int]:
    states = client.status()["states"]
    return {state: int(states[state]) for state in _FINAL}


def _last_finished_at(client: Client, sources: Sequence[str]) -> float:
    """Return when the last of these ended (UTC seconds), by the record: to look for it sees it late."""
    wanted = set(sources)
    ends = (job["finishedAt"] for job in client.jobs() if job["source"] in wanted)
    return max(datetime.fromisoformat(end).timestamp() for end in ends)


def _actor_cpu_seconds(family: Family) -> float:
    seconds = 0.0
    for process in family.members():
        with suppress(psutil.Error):
            if "ray::ThumbnailQueue" in " ".join(process.cmdline()):
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds
