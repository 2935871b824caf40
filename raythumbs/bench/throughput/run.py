"""The throughput run: everybody in turn, round after round, on the same photos and in the same store."""

import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from raythumbs.bench.latency_store import LatencyStore, latency_store, store_folder
from raythumbs.bench.local_service import orderly_end
from raythumbs.bench.pictures import draw_photos
from raythumbs.bench.throughput.contest import Contest
from raythumbs.bench.throughput.lap import Lap, lap
from raythumbs.bench.throughput.limit import limit_photos_per_second
from raythumbs.bench.throughput.result import Figures, Row, ThroughputPlan, ThroughputResult
from raythumbs.bench.throughput.rivals import contestants
from raythumbs.errors import BadRequest
from raythumbs.model.photo import RenditionSpec

PHOTOS, _MADE = "photos", "made"
_WARM_UP = "warm-up"
_WARM_UP_PHOTOS_A_CORE = 4
_SPEC = RenditionSpec()
_SUFFIXES = {".jpg", ".jpeg"}

Say = Callable[[str], None]


def run_throughput(plan: ThroughputPlan, *, say: Say) -> ThroughputResult:
    """Run it; `say` hears what goes on. What is started and written is gone at the end."""
    here, missing = contestants(plan.peers_dir, plan.only)
    cores = len(os.sched_getaffinity(0))
    with orderly_end(), ExitStack() as stack:
        folder = stack.enter_context(store_folder())
        say("bringing the photos into the store")
        photos, warm_up = stored(plan, folder / "buckets" / PHOTOS, cores)
        laps: dict[tuple[float, str], list[Lap]] = {}
        limits = []
        for number in range(plan.runs):
            say(f"run {number + 1} of {plan.runs}: the machine's limit")
            limits.append(limit_photos_per_second(photos, _SPEC, workers=cores))
            for latency_ms in plan.latencies_ms:
                with latency_store(folder, latency_ms=latency_ms) as store:
                    for one in here:
                        say(f"run {number + 1} of {plan.runs}: {one.name}, store {latency_ms:g} ms away")
                        contest = contest_of(store, photos, warm_up, workers=cores)
                        laps.setdefault((latency_ms, one.name), []).append(lap(one, contest, store))
        return ThroughputResult(
            limit_photos_per_second=round(statistics.median(limits), 2),
            cores=cores,
            runs=plan.runs,
            rows=tuple(_row(name, latency_ms, len(photos), several) for (latency_ms, name), several in laps.items()),
            missing=tuple(missing),
        )


def stored(plan: ThroughputPlan, bucket: Path, cores: int) -> tuple[list[Path], list[Path]]:
    """Put the photos into the bucket, and some of them once more, to warm up with."""
    bucket.mkdir()
    bucket.chmod(0o755)
    if plan.pictures:
        photos = list(_copied(plan.pictures, bucket))
    else:
        photos = list(draw_photos(bucket, count=plan.photos, size_mb=plan.size_mb, processes=cores))
    for photo in photos:
        photo.chmod(0o644)  # the store's server may be somebody else than we
    warm_up = [bucket / f"{_WARM_UP}-{number}.jpg" for number in range(_WARM_UP_PHOTOS_A_CORE * cores)]
    for number, again in enumerate(warm_up):
        again.hardlink_to(photos[number % len(photos)])
    return photos, warm_up


def _copied(pictures: Path, bucket: Path) -> Iterator[Path]:
    """Copy the JPEGs of a folder: not everybody reads other formats. They get names that need no quoting."""
    found = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise BadRequest(f"{pictures} has no JPEGs ({', '.join(sorted(_SUFFIXES))})")
    for number, path in enumerate(found):
        yield Path(shutil.copyfile(path, bucket / f"photo-{number:05d}.jpg"))


def contest_of(store: LatencyStore, photos: Sequence[Path], warm_up: Sequence[Path], *, workers: int) -> Contest:
    """Return what everybody is asked with this store."""
    return Contest(
        endpoint=store.endpoint,
        bucket=PHOTOS,
        made_bucket=_MADE,
        keys=tuple(photo.name for photo in photos),
        warm_up=tuple(photo.name for photo in warm_up),
        pixels=_SPEC.width,
        quality=_SPEC.quality,
        workers=workers,
    )


def _row(name: str, latency_ms: float, photos: int, laps: Sequence[Lap]) -> Row:
    good = [lap.figures for lap in laps if isinstance(lap.figures, Figures)]
    bad = [lap.figures for lap in laps if isinstance(lap.figures, str)]
    return Row(
        contestant=name,
        version=laps[-1].version,
        photos=photos,
        store_latency_ms=latency_ms,
        figures=bad[0] if bad else Figures.medians(good),
    )
