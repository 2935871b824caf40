"""The throughput run: all contestants, round after round, on the same photos and in the same store."""

import shutil
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from raythumbs.bench.laps import medians
from raythumbs.bench.latency_store import LatencyStore, latency_store, store_folder
from raythumbs.bench.limit import limit_photos_per_second
from raythumbs.bench.local_service import orderly_end
from raythumbs.bench.photos import draw_readable, link_photos
from raythumbs.bench.plans import ThroughputPlan
from raythumbs.bench.report import Report, Say, cores, table
from raythumbs.bench.throughput.contest import Contest
from raythumbs.bench.throughput.contestants import contestants
from raythumbs.bench.throughput.lap import Failure, Row, lap
from raythumbs.errors import BadRequest
from raythumbs.model.photo import RenditionSpec

PHOTOS, _MADE = "photos", "made"
_WARM_UP_PHOTOS_A_CORE = 4
_SPEC = RenditionSpec()
_SUFFIXES = {".jpg", ".jpeg"}


def run(plan: ThroughputPlan, *, say: Say) -> Report:
    """Measure; remove what was started and written."""
    here, missing = contestants(plan.peers_dir, plan.only)
    subjects = [(latency_ms, one) for latency_ms in plan.store_latency_ms for one in here]
    rounds, limits = [], []
    with orderly_end(), store_folder() as folder:
        say("bringing the photos into the store")
        photos, warm_up = stored(plan, folder / "buckets" / PHOTOS)
        for number in range(1, plan.runs + 1):  # rounds: a slow minute of the machine affects all
            say(f"run {number} of {plan.runs}: the machine's limit")
            limits.append(limit_photos_per_second(photos, workers=cores()))
            laps = []
            for latency_ms, one in subjects:
                say(f"run {number} of {plan.runs}: {one.name}, store {latency_ms:g} ms away")
                with latency_store(folder, latency_ms=latency_ms) as store:
                    laps.append(lap(one, contest_of(store, photos, warm_up), store, latency_ms=latency_ms))
            rounds.append(laps)
    rows = [
        next((one for one in laps if isinstance(one, Failure)), None) or medians(laps)
        for laps in zip(*rounds, strict=True)
    ]
    return report(rows, missing, limit=statistics.median(limits), runs=plan.runs)


def report(rows: Sequence[Row | Failure], missing: Sequence[str], *, limit: float, runs: int) -> Report:
    """Report the rows, with the share of the machine's limit, and how many times faster raythumbs is."""
    ours = {row.store_latency_ms: row for row in rows if row.contestant == "raythumbs"}
    rows = [_compared(row, ours.get(row.store_latency_ms), limit) for row in rows]
    failures = [row for row in rows if isinstance(row, Failure)]
    drawn = table(
        f"photos per second; the limit of {cores()} cores is {limit:.1f}",
        Row,
        *(list(section) for _, section in groupby(rows, key=lambda row: row.store_latency_ms)),
        caption=", ".join(dict.fromkeys(f"{row.contestant} {row.version}" for row in rows)),
    )
    return Report(
        figures={"limit_photos_per_second": limit, "cores": cores(), "runs": runs, "rows": rows, "missing": missing},
        tables=[drawn],
        complaints=[
            *(f"not measured: {one}" for one in missing),
            *(f"{row.contestant}: {row.error}" for row in failures),
        ],
        is_failure=bool(failures),
    )


def _compared(row: Row | Failure, ours: Row | Failure | None, limit: float) -> Row | Failure:
    if isinstance(row, Failure):
        return row
    speedup = ours.photos_per_second / row.photos_per_second if isinstance(ours, Row) else None
    return replace(row, of_limit_percent=100 * row.photos_per_second / limit, speedup=speedup)


def stored(plan: ThroughputPlan, bucket: Path) -> tuple[list[Path], list[Path]]:
    """Put the photos into the bucket, and some of them once more, to warm up with."""
    bucket.mkdir()
    if plan.pictures:
        photos = list(_copied(plan.pictures, bucket))
    else:
        photos = draw_readable(bucket, count=plan.photos, size_mb=plan.size_mb)
    names = [f"warm-up-{number}.jpg" for number in range(_WARM_UP_PHOTOS_A_CORE * cores())]
    return photos, [bucket / name for name in link_photos(bucket, photos, names)]


def _copied(pictures: Path, bucket: Path) -> Iterator[Path]:
    """Copy the JPEGs of a folder: not every contestant reads other formats. They get names that need no quoting."""
    found = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise BadRequest(f"{pictures} has no JPEGs ({', '.join(sorted(_SUFFIXES))})")
    for number, path in enumerate(found):
        photo = Path(shutil.copyfile(path, bucket / f"photo-{number:05d}.jpg"))
        photo.chmod(0o644)  # the store's server may run as another user
        yield photo


def contest_of(store: LatencyStore, photos: Sequence[Path], warm_up: Sequence[Path]) -> Contest:
    """Return what the contestants are asked with this store."""
    return Contest(
        endpoint=store.endpoint,
        bucket=PHOTOS,
        made_bucket=_MADE,
        keys=tuple(photo.name for photo in photos),
        warm_up=tuple(photo.name for photo in warm_up),
        pixels=_SPEC.width,
        quality=_SPEC.quality,
        workers=cores(),
    )
