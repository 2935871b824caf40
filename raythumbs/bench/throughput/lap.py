"""One contestant's way through all photos, measured and checked."""

import secrets
from dataclasses import dataclass

from raythumbs.bench.latency_store import LatencyStore
from raythumbs.bench.memory import warm_memory
from raythumbs.bench.meter import Family, metered
from raythumbs.bench.throughput.contest import Contest, Contestant, ContestantFailed
from raythumbs.bench.throughput.result import Figures
from raythumbs.errors import NotStarted

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Lap:
    """The contestant's version, and its figures or why there are none."""

    version: str
    figures: Figures | str


def lap(one: Contestant, contest: Contest, store: LatencyStore) -> Lap:
    """Let a contestant run; make sure that each photo has its thumbnail, and that no process of it is left."""
    mark = secrets.token_hex(8)
    family = Family(mark)
    version = ""
    try:
        with one.ready(contest, mark) as ready:
            version = ready.version
            _same_memory(store, contest)
            store.empty(contest.made_bucket)
            with metered(family) as meter:
                finish = ready.go()
            made = store.sizes_bytes(contest.made_bucket)
    except (ContestantFailed, NotStarted) as error:
        return Lap(version, error.reason)
    finally:
        family.kill()
        store.empty(contest.made_bucket)
    if not len(made) == len(finish.done) == len(contest.keys) or not all(made):
        return Lap(version, f"{len(contest.keys)} photos got {len(made)} thumbnails, {made.count(0)} of them empty")
    return Lap(version, Figures.of(finish, meter.usage(), cores=contest.workers, output_bytes=sum(made)))


def _same_memory(store: LatencyStore, contest: Contest) -> None:
    """Let each contestant find the photos in the page cache, and memory that the machine has already."""
    photos = [store.bucket(contest.bucket) / key for key in contest.keys]
    warm_memory(photos, store.bucket(contest.made_bucket))
    for photo in photos:
        with photo.open("rb", buffering=0) as file:
            while file.read(_PIECE_BYTES):
                pass
