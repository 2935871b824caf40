"""How long a person waits for a thumbnail: on a service that is idle, and on one with a backfill to do.

The backfill's photos lie in the store already, and its jobs are real: workers render them, at LOW priority. A few
photos are drawn, of the size that is asked for (a camera's 12 megapixels by default); the backfill has them under many
names, and people upload the same, one at a time, which makes them HIGH.
"""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from raythumbs.bench.local_service import orderly_end
from raythumbs.bench.originals import originals, service_over
from raythumbs.client import Client
from raythumbs.errors import BadRequest, RaythumbsError

_ENVIRONMENT = {"RAYTHUMBS_DRAIN_SECONDS": "5"}  # the backfill is not waited for
_WARM_UP_UPLOADS = 8
_SUBMITTED_AT_ONCE = 1000
_SETTLING_SECONDS = 0.5  # the counts of a status are a little old
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.2
_LARGEST_PUT_MB = 8  # larger ones are put in parts, which the store of latency_store.py does not know

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPlan:
    """How many LOW photos wait; how many uploads come, at random moments, on average every so many seconds; how large
    photos are, and how far away their store is (0: a folder)."""

    backlog: int = 10_000
    uploads: int = 60
    mean_seconds: float = 0.7
    size_mb: float = 5
    store_latency_ms: float = 0
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How long uploads took until the thumbnail's address was in the database: from the first byte that was sent, and
    from the answer (0 if it was there before). The end is the record's own, the time of the transaction that wrote it.

    `low_photos_per_second` is the backfill's progress meanwhile.
    """

    state: str
    uploads: int
    p50_seconds: float
    p95_seconds: float
    max_seconds: float
    p50_after_answer_seconds: float
    p95_after_answer_seconds: float
    max_after_answer_seconds: float
    low_photos_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyResult:
    """The rows of the idle service and of the one with a backfill; what waited then, at the begin and at the end."""

    rows: tuple[Row, ...]
    size_mb: float
    store_latency_ms: float
    backlog: int
    backlog_left: int

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self)

    def as_table(self) -> Table:
        """Return the result for people."""
        table = Table("", "uploads", "p50 s", "p95 s", "max s", "after the answer: p50 s", "p95 s", "LOW/s")
        table.title = "raythumbs bench latency"
        for row in self.rows:
            table.add_row(
                row.state,
                str(row.uploads),
                f"{row.p50_seconds:.3f}",
                f"{row.p95_seconds:.3f}",
                f"{row.max_seconds:.3f}",
                f"{row.p50_after_answer_seconds:.3f}",
                f"{row.p95_after_answer_seconds:.3f}",
                f"{row.low_photos_per_second:.1f}",
            )
        table.caption = (
            f"photos of {self.size_mb:g} MB, store {self.store_latency_ms:g} ms away; "
            f"the backfill began with {self.backlog:,} and had {self.backlog_left:,} left"
        )
        return table


class BackfillEnded(RaythumbsError):
    """The backfill was done before the last upload came."""

    code = "backfill_ended"


class NotServed(RaythumbsError):
    """An upload got no thumbnail, or not as a person's does."""

    code = "not_served"


def run_latency(plan: LatencyPlan, *, say: Say) -> LatencyResult:
    """Measure; `say` hears what goes on. What is started and written is gone at the end.

    Raises BackfillEnded if the backlog was too small to last, NotServed if an upload got no thumbnail.
    """
    if plan.store_latency_ms and plan.size_mb > _LARGEST_PUT_MB * 0.9:  # what is drawn is about so large
        raise BadRequest("with a latency, photos have at most 7 MB: the store takes no uploads in parts")
    with orderly_end(), originals(latency_ms=plan.store_latency_ms) as store:
        say("drawing photos")
        drawn = store.draw(plan.size_mb)
        sources = store.link(drawn, plan.backlog)
        say("starting the service")
        with service_over(store, _ENVIRONMENT) as client:
            for number in range(_WARM_UP_UPLOADS):
                _served(client, [_sent(client, drawn[number % len(drawn)])])
            say("uploading to the idle service")
            idle, _ = _measured("idle", client, drawn, plan)
            say("submitting the backfill")
            for first in range(0, len(sources), _SUBMITTED_AT_ONCE):
                client.submit(sources[first : first + _SUBMITTED_AT_ONCE], priority="LOW")
            say("uploading during the backfill")
            backfill, left = _measured("backfill", client, drawn, plan)
    return LatencyResult(
        rows=(idle, backfill),
        size_mb=plan.size_mb,
        store_latency_ms=plan.store_latency_ms,
        backlog=plan.backlog,
        backlog_left=left,
    )


@dataclass(frozen=True, slots=True)
class _Sent:
    """An upload that was answered; times are UTC seconds."""

    job_id: str
    began_at: float
    answered_at: float


def _measured(state: str, client: Client, photos: Sequence[Path], plan: LatencyPlan) -> tuple[Row, int]:
    """Return the row of these uploads, and how many LOW photos waited when the last had come."""
    time.sleep(_SETTLING_SECONDS)
    low_before, began = _low(client), time.monotonic()
    sent = _uploaded(client, photos, plan)
    low_after, seconds = _low(client), time.monotonic() - began
    if low_before and not low_after:
        raise BackfillEnded(f"{plan.backlog:,} photos were done in less than {seconds:.0f} s: have more in the backlog")
    finished_at = _served(client, sent)
    waited = sorted(end - one.began_at for one, end in zip(sent, finished_at, strict=True))
    after = sorted(max(0.0, end - one.answered_at) for one, end in zip(sent, finished_at, strict=True))
    row = Row(
        state=state,
        uploads=len(sent),
        p50_seconds=round(statistics.median(waited), 3),
        p95_seconds=round(_p95(waited), 3),
        max_seconds=round(waited[-1], 3),
        p50_after_answer_seconds=round(statistics.median(after), 3),
        p95_after_answer_seconds=round(_p95(after), 3),
        max_after_answer_seconds=round(after[-1], 3),
        low_photos_per_second=round((low_before - low_after) / seconds, 1),
    )
    return row, low_after


def _uploaded(client: Client, photos: Sequence[Path], plan: LatencyPlan) -> list[_Sent]:
    """Upload at random moments, whether or not those before have been answered: people do not wait for each other."""
    chance = random.Random(plan.seed)  # noqa: S311 moments, not secrets
    with ThreadPoolExecutor(plan.uploads) as people:
        sending = []
        at = time.monotonic()
        for number in range(plan.uploads):
            at += chance.expovariate(1 / plan.mean_seconds)
            time.sleep(max(0.0, at - time.monotonic()))
            sending.append(people.submit(_sent, client, photos[number % len(photos)]))
        return [one.result() for one in sending]


def _sent(client: Client, photo: Path) -> _Sent:
    began_at = time.time()
    [upload] = client.upload([photo])
    return _Sent(upload["jobId"], began_at, time.time())


def _served(client: Client, sent: Sequence[_Sent]) -> list[float]:
    """Return when each was finished (UTC seconds), by the record: to look for it would cost CPU, and see it late."""
    until = time.monotonic() + _PATIENCE_SECONDS
    jobs = []
    for one in sent:
        while (job := client.job(one.job_id))["finishedAt"] is None and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        if (job["state"], job["priority"]) != ("succeeded", "HIGH"):
            raise NotServed(f"the job of an upload is {job['state']} at {job['priority']} priority: {job['reason']}")
        if not all(made["url"] for made in client.photo(job["photoId"])["renditions"] or [{"url": None}]):
            raise NotServed(f"the photo {job['photoId']} has no thumbnail")
        jobs.append(job)
    return [datetime.fromisoformat(job["finishedAt"]).timestamp() for job in jobs]


def _low(client: Client) -> int:
    """Return how many LOW photos wait."""
    return int(client.status()["backlog"]["LOW"])


def _p95(ordered: Sequence[float]) -> float:
    return ordered[int(len(ordered) * 0.95)]
