"""A store with many photos at hardly any disk: a few that were drawn, each under many names. And a service over it."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from raythumbs.bench.latency_store import latency_store, store_folder
from raythumbs.bench.local_service import await_workers, local_service
from raythumbs.bench.pictures import draw_photos
from raythumbs.client import Client

_FOLDER = "backfill"
_BUCKET = "photos"
_DRAWN = 8


@dataclass(frozen=True, slots=True)
class Originals:
    """The folder that a store's objects are files of, the store's address, and what a service needs to reach it."""

    folder: Path
    uri: str
    environment: dict[str, str] = field(default_factory=dict)

    def draw(self, size_mb: float) -> list[Path]:
        """Draw the few."""
        cores = len(os.sched_getaffinity(0))
        drawn = list(draw_photos(self.folder / "drawn", count=_DRAWN, size_mb=size_mb, processes=cores))
        for photo in drawn:
            photo.chmod(0o644)  # the store's server may be somebody else than we
        return drawn

    def link(self, drawn: Sequence[Path], count: int) -> list[str]:
        """Give these photos, one after the other, so many names; return the sources."""
        folder = self.folder / _FOLDER
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # as above
        names = [f"{number:06d}.jpg" for number in range(count)]
        for number, name in enumerate(names):
            (folder / name).hardlink_to(drawn[number % len(drawn)])
        return [f"{self.uri}/{_FOLDER}/{name}" for name in names]


@contextmanager
def originals(*, latency_ms: float) -> Iterator[Originals]:
    """Give an empty store: a folder of the service's own, or a bucket that is so far away; see latency_store.py."""
    with store_folder() as folder:
        if not latency_ms:
            yield Originals(folder / "buckets", f"file://{folder}/buckets")
            return
        with latency_store(folder, latency_ms=latency_ms) as store:
            reach = {
                "AWS_ENDPOINT_URL_S3": store.endpoint,
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_REGION": "us-east-1",
            }
            bucket = store.bucket(_BUCKET)
            bucket.chmod(0o777)  # as above; it writes here too
            yield Originals(bucket, f"s3://{_BUCKET}", reach)


@contextmanager
def service_over(store: Originals, environment: Mapping[str, str]) -> Iterator[Client]:
    """Run a service over the store, with a new record; its workers are up."""
    with tempfile.TemporaryDirectory(prefix="rt-bench-") as folder:
        ours = {
            "RAYTHUMBS_STORE": store.uri,
            "RAYTHUMBS_DATABASE": f"sqlite:///{folder}/raythumbs.db",
            "RAYTHUMBS_RECONCILE_EVERY_SECONDS": "0",
        }
        with local_service(Path(folder), environment={**store.environment, **ours, **environment}) as client:
            await_workers(client)
            yield client
