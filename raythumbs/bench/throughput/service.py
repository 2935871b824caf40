"""The whole service as a contestant: from the bucket's events to the last thumbnail's address in the database."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from raythumbs import __version__
from raythumbs.bench.local_service import local_service
from raythumbs.bench.meter import MARK
from raythumbs.bench.throughput.contest import Contest, ContestantFailed, Finish, Ready
from raythumbs.client import Client
from raythumbs.model.photo import RenditionSpec

_PHOTOS_A_NOTIFICATION = 100
_POLL_SECONDS = 0.5  # to ask costs CPU, which the photos could use
_NEARLY = 0.8  # ended: from here on the end is looked for more often
_PATIENCE_SECONDS = 120.0
_PHOTO_SECONDS = 5.0
_TOKEN = "a-token"  # noqa: S105 of a service that listens on this machine alone, and lives for minutes
_FINAL = ("succeeded", "failed", "cancelled")


class Service:
    """`raythumbs serve` with its queue actor and its embedded database; see RenditionSpec for the gap."""

    def __init__(self, name: str = "raythumbs", *, gap: float = RenditionSpec.gap) -> None:
        self.name = name
        self._gap = gap

    @contextmanager
    def ready(self, contest: Contest, mark: str) -> Iterator[Ready]:
        """Start it in a folder of its own, and let it make the thumbnails of the first photos."""
        with tempfile.TemporaryDirectory(prefix="rt-throughput-") as folder:
            data = Path(folder) / "data"
            with local_service(data, environment=_environment(contest, data, self._gap) | {MARK: mark}) as client:
                while client.status()["processing"]:  # its workers are started once, and take photos for months
                    time.sleep(_POLL_SECONDS)
                ready = _ReadyService(__version__, client, contest)
                ready.send(contest.warm_up)
                ready.await_all(len(contest.warm_up))
                yield ready


@dataclass(frozen=True, slots=True)
class _ReadyService:
    version: str
    client: Client
    contest: Contest

    def go(self) -> Finish:
        before = self._ended()
        sent_at = self.send(self.contest.keys)
        self.await_all(before + len(sent_at))
        return self._finish(sent_at)

    def send(self, keys: Sequence[str]) -> dict[str, float]:
        """Tell of photos as the bucket would; return when it was told of each source (UTC seconds)."""
        sent_at: dict[str, float] = {}
        for first in range(0, len(keys), _PHOTOS_A_NOTIFICATION):
            several = keys[first : first + _PHOTOS_A_NOTIFICATION]
            now = time.time()
            self.client.notify([_record(self.contest.bucket, key) for key in several], token=_TOKEN)
            sent_at |= {f"s3://{self.contest.bucket}/{key}": now for key in several}
        return sent_at

    def await_all(self, count: int) -> None:
        """Wait until so many jobs have ended."""
        until = time.monotonic() + _PATIENCE_SECONDS + _PHOTO_SECONDS * count
        while (ended := self._ended()) < count:
            if time.monotonic() > until:
                raise ContestantFailed(f"{ended} of {count} jobs ended")
            time.sleep(_POLL_SECONDS if ended < count * _NEARLY else _POLL_SECONDS / 5)

    def _ended(self) -> int:
        states = self.client.status()["states"]
        return sum(int(states[state]) for state in _FINAL)

    def _finish(self, sent_at: dict[str, float]) -> Finish:
        """Return what the record tells: the polls above see an end late."""
        jobs = [job for job in self.client.jobs() if job["source"] in sent_at]
        failed = [job for job in jobs if job["state"] != "succeeded"]
        if failed:
            raise ContestantFailed(f"{len(failed)} of {len(jobs)} jobs failed: {failed[0]['reason']}")
        ended_at = {job["source"]: datetime.fromisoformat(job["finishedAt"]).timestamp() for job in jobs}
        began = min(sent_at.values())
        return Finish(
            [ended - began for ended in ended_at.values()],
            [ended - sent_at[source] for source, ended in ended_at.items()],
        )


def _environment(contest: Contest, data: Path, gap: float) -> dict[str, str]:
    spec = {"width": contest.pixels, "height": contest.pixels, "quality": contest.quality, "gap": gap}
    return {
        "AWS_ENDPOINT_URL_S3": contest.endpoint,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "RAYTHUMBS_STORE": f"s3://{contest.bucket}",
        "RAYTHUMBS_THUMBNAILS_STORE": f"s3://{contest.made_bucket}",
        "RAYTHUMBS_DATABASE": f"sqlite:///{data}/raythumbs.db",
        "RAYTHUMBS_SPECS": json.dumps([spec]),
        "RAYTHUMBS_NOTIFICATION_TOKEN": _TOKEN,
        "RAYTHUMBS_WATCHED": "[]",
        "RAYTHUMBS_RECONCILE_EVERY_SECONDS": "0",  # the store cannot list
    }


def _record(bucket: str, key: str) -> dict[str, Any]:
    return {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "1"}},
    }
