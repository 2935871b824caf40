"""Photos in a store, and the jobs that a service makes of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from raythumbs.bench.latency_store import latency_store, store_folder
from raythumbs.bench.local_service import s3_environment, wait_until
from raythumbs.bench.pictures import draw_photos
from raythumbs.bench.report import BenchFailed, cores
from raythumbs.client import Client, Refused, Unreachable

_FOLDER = "backfill"
_BUCKET = "photos"
_DRAWN = 8
_POLL_SECONDS = 0.5  # to ask costs CPU, which the photos could use; when a photo was done is in the record
_PATIENCE_SECONDS = 120.0
_PHOTO_SECONDS = 5.0

Job = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PhotoStore:
    """The folder of a store's objects, the store's address, and the environment of a service that uses it."""

    folder: Path
    uri: str
    s3: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a service over this store. The store cannot be listed."""
        return self.s3 | {"RAYTHUMBS_STORE": self.uri, "RAYTHUMBS_RECONCILE_EVERY_SECONDS": "0"}

    def draw(self, size_mb: float) -> list[Path]:
        """Draw a few photos."""
        return draw_readable(self.folder / "drawn", count=_DRAWN, size_mb=size_mb)

    def link(self, photos: Sequence[Path], count: int) -> list[str]:
        """Store `count` objects, at hardly any disk: links to these photos. Return their sources."""
        names = link_photos(self.folder / _FOLDER, photos, [f"{number:06d}.jpg" for number in range(count)])
        return [f"{self.uri}/{_FOLDER}/{name}" for name in names]


@contextmanager
def photo_store(*, latency_ms: float = 0) -> Iterator[PhotoStore]:
    """Make an empty store: without a latency a folder, else a bucket that is so far away; see latency_store.py."""
    with store_folder() as folder:
        if not latency_ms:
            yield PhotoStore(folder / "buckets", f"file://{folder}/buckets")
            return
        with latency_store(folder, latency_ms=latency_ms) as store:
            bucket = store.bucket(_BUCKET)
            bucket.chmod(0o777)  # the store's server may run as another user, and writes here too
            yield PhotoStore(bucket, f"s3://{_BUCKET}", s3_environment(store.endpoint))


def draw_readable(folder: Path, *, count: int, size_mb: float) -> list[Path]:
    """Draw photos that the store's server may read, which may run as another user."""
    photos = list(draw_photos(folder, count=count, size_mb=size_mb, processes=cores()))
    for photo in photos:
        photo.chmod(0o644)
    return photos


def link_photos(folder: Path, photos: Sequence[Path], names: list[str]) -> list[str]:
    """Give these photos, one after the other, the names in a folder; return the names."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for number, name in enumerate(names):
        (folder / name).hardlink_to(photos[number % len(photos)])
    return names


def await_quiet(client: Client, *, seconds: float) -> None:
    """Wait until no job is queued or running, or the time is over."""

    def is_quiet() -> bool:
        with suppress(Unreachable, Refused):
            states = client.status()["states"]
            return not states["queued"] and not states["running"]
        return False

    wait_until(is_quiet, seconds=seconds, every_seconds=_POLL_SECONDS)


def ended(client: Client) -> int:
    """Return how many jobs have ended."""
    states = client.status()["states"]
    return sum(int(states[state]) for state in ("succeeded", "failed", "cancelled"))


def await_ended(client: Client, count: int) -> None:
    """Wait until so many jobs have ended, or raise BenchFailed. The counts of a status are a little old, so this waits
    for more ended jobs than before, not until none is left."""
    patience_seconds = _PATIENCE_SECONDS + _PHOTO_SECONDS * count
    if not wait_until(lambda: ended(client) >= count, seconds=patience_seconds, every_seconds=_POLL_SECONDS):
        raise BenchFailed(f"{ended(client):,} of {count:,} jobs have ended")


def finished_at(client: Client, sources: Sequence[str]) -> dict[str, float]:
    """Return when each photo was finished (UTC seconds), by the database: a poll sees it late.

    Raises BenchFailed if a job has not succeeded."""
    wanted = set(sources)
    jobs = [job for job in client.jobs() if job["source"] in wanted]
    failed = [job for job in jobs if job["state"] != "succeeded"]
    if failed:
        raise BenchFailed(f"{len(failed):,} of {len(jobs):,} jobs are {failed[0]['state']}: {failed[0]['reason']}")
    return {job["source"]: utc_seconds(job["finishedAt"]) for job in jobs}


def utc_seconds(moment: str) -> float:
    """Return a moment of the API as UTC seconds."""
    return datetime.fromisoformat(moment).timestamp()
