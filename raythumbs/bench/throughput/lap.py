"""A contestant's way through all photos, measured and checked."""

from dataclasses import dataclass
from typing import Annotated

from raythumbs.bench.laps import percentile
from raythumbs.bench.latency_store import LatencyStore
from raythumbs.bench.memory import warm_memory
from raythumbs.bench.meter import metered
from raythumbs.bench.report import BenchFailed
from raythumbs.bench.throughput.contest import Contest, Contestant
from raythumbs.errors import RaythumbsError

_PIECE_BYTES = 1 << 20
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a contestant did and used. `cpu_percent` is of all cores. Memory is that of all its processes, in MiB, with
    what they share counted once (PSS). `speedup` is how many times faster raythumbs is than this contestant.

    `p50_seconds` and `p95_seconds` are of the photos, from the notification until the thumbnail was stored (the
    service: until its address was in the database).
    """

    store_latency_ms: Annotated[float, "store", "{:g} ms"]
    contestant: Annotated[str, "contestant"]
    version: str
    photos: int
    seconds: float
    photos_per_second: Annotated[float, "per s", "{:.1f}"]
    of_limit_percent: Annotated[float | None, "of limit", "{:.0f}%"] = None
    speedup: Annotated[float | None, "ours", "{:.2f}x"] = None
    cpu_percent: Annotated[float, "CPU", "{:.0f} %"]
    peak_rss_mb: Annotated[float, "MB", "{:.0f}"]
    p50_seconds: Annotated[float, "p50 s", "{:.2f}"]
    p95_seconds: Annotated[float, "p95 s", "{:.2f}"]
    output_bytes: float


@dataclass(frozen=True, slots=True)
class Failure:
    """What kept a contestant from making the thumbnails."""

    store_latency_ms: float
    contestant: str
    version: str
    photos: int
    error: str

    @property
    def photos_per_second(self) -> str:
        """What the table has instead of a number."""
        return "failed"


def lap(one: Contestant, contest: Contest, store: LatencyStore, *, latency_ms: float = 0) -> Row | Failure:
    """Let a contestant run, and make sure that each photo has its thumbnail."""
    version, photos = "", len(contest.keys)
    try:
        with one.ready(contest) as ready:
            version = ready.version
            _warm_memory(store, contest)
            store.empty(contest.made_bucket)
            with metered(ready.family) as meter:
                finish = ready.go()
            sizes = store.sizes_bytes(contest.made_bucket)
        if not len(sizes) == len(finish.done) == photos or not all(sizes):
            raise BenchFailed(f"{photos} photos got {len(sizes)} thumbnails, {sizes.count(0)} of them empty")
    except RaythumbsError as error:
        return Failure(latency_ms, one.name, version, photos, error.reason)
    finally:
        store.empty(contest.made_bucket)
    seconds, usage = max(finish.done), meter.usage()
    return Row(
        store_latency_ms=latency_ms,
        contestant=one.name,
        version=version,
        photos=photos,
        seconds=seconds,
        photos_per_second=photos / seconds,
        cpu_percent=100 * usage.cpu_seconds / (usage.seconds * contest.workers),
        peak_rss_mb=usage.peak_memory_bytes / _MIB,
        p50_seconds=percentile(finish.waited, 50),
        p95_seconds=percentile(finish.waited, 95),
        output_bytes=sum(sizes),
    )


def _warm_memory(store: LatencyStore, contest: Contest) -> None:
    """Let each contestant find the photos in the page cache, and memory that the machine has already."""
    photos = [store.bucket(contest.bucket) / key for key in contest.keys]
    warm_memory(photos, store.bucket(contest.made_bucket))
    for photo in photos:
        with photo.open("rb", buffering=0) as file:
            while file.read(_PIECE_BYTES):
                pass
