"""How long a person waits for a thumbnail: on an idle service, and on one with a backfill to do.

The backfill's photos lie in the store already, and its jobs are real: workers render them, at LOW priority. A few
photos are drawn (of a camera's 12 megapixels by default). The backfill has them under many names, and people upload
the same photos one at a time, which makes the jobs HIGH.
"""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from raythumbs.bench.laps import percentile
from raythumbs.bench.local_service import Start, orderly_end, scratch_service, wait_until
from raythumbs.bench.photos import photo_store, utc_seconds
from raythumbs.bench.plans import LatencyPlan
from raythumbs.bench.report import BenchFailed, Report, Say, table
from raythumbs.client import Client
from raythumbs.errors import BadRequest

_NO_DRAIN = {"RAYTHUMBS_DRAIN_SECONDS": "5"}  # the end does not wait for the backfill
_WARM_UP_UPLOADS = 8
_SETTLING_SECONDS = 0.5  # the counts of a status are a little old
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.2
_LARGEST_PUT_MB = 8  # larger photos are sent as multipart uploads, which the store of latency_store.py does not know


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How long it took until the thumbnail's address was in the database: from the first byte that was sent, and from
    the answer (0 if it was there before). The end is the time of the transaction, as the database has it.

    `low_photos_per_second` is the backfill's progress meanwhile.
    """

    state: Annotated[str, ""]
    uploads: Annotated[int, "uploads"]
    p50_seconds: Annotated[float, "p50 s", "{:.3f}"]
    p95_seconds: Annotated[float, "p95 s", "{:.3f}"]
    max_seconds: Annotated[float, "max s", "{:.3f}"]
    p50_after_answer_seconds: Annotated[float, "after the answer: p50 s", "{:.3f}"]
    p95_after_answer_seconds: Annotated[float, "p95 s", "{:.3f}"]
    max_after_answer_seconds: float
    low_photos_per_second: Annotated[float, "LOW/s", "{:.1f}"]


@dataclass(frozen=True, slots=True)
class _Upload:
    """An upload that was answered; times are UTC seconds."""

    job_id: str
    began_at: float
    answered_at: float


def run(plan: LatencyPlan, *, say: Say, start: Start = scratch_service) -> Report:
    """Measure; remove what was started and written."""
    if plan.store_latency_ms and plan.size_mb > _LARGEST_PUT_MB * 0.9:  # what is drawn is about so large
        raise BadRequest("with a latency, photos have at most 7 MB: the store knows no multipart uploads")
    with orderly_end(), photo_store(latency_ms=plan.store_latency_ms) as store:
        say("drawing photos")
        photos = store.draw(plan.size_mb)
        sources = store.link(photos, plan.backlog)
        say("starting the service")
        with start(store.environment | _NO_DRAIN) as service:
            client = service.client
            for number in range(_WARM_UP_UPLOADS):
                _finished_at(client, _upload(client, photos[number % len(photos)]))
            say("uploading to the idle service")
            idle, _ = _measured("idle", client, photos, plan)
            say("submitting the backfill")
            client.submit(sources, priority="LOW")
            say("uploading during the backfill")
            backfill, left = _measured("backfill", client, photos, plan)
    facts = {"size_mb": plan.size_mb, "store_latency_ms": plan.store_latency_ms, "backlog": plan.backlog}
    caption = (
        f"photos of {plan.size_mb:g} MB, store {plan.store_latency_ms:g} ms away; "
        f"the backfill began with {plan.backlog:,} and had {left:,} left"
    )
    return Report(
        figures={"rows": [idle, backfill], **facts, "backlog_left": left},
        tables=[table("raythumbs bench latency", Row, [idle, backfill], caption=caption)],
    )


def _measured(state: str, client: Client, photos: Sequence[Path], plan: LatencyPlan) -> tuple[Row, int]:
    """Return the row of these uploads, and how many LOW photos waited after the last of them."""
    time.sleep(_SETTLING_SECONDS)
    low_before, began = _low_photos(client), time.monotonic()
    uploads = _uploads(client, photos, plan)
    low_after, lasted = _low_photos(client), time.monotonic() - began
    if low_before and not low_after:
        raise BenchFailed(f"{plan.backlog:,} photos were done in less than {lasted:.1f} s: have more in the backlog")
    ends = [(_finished_at(client, upload), upload) for upload in uploads]
    waits = [end - upload.began_at for end, upload in ends]
    after_answer = [max(0.0, end - upload.answered_at) for end, upload in ends]
    row = Row(
        state=state,
        uploads=len(uploads),
        p50_seconds=percentile(waits, 50),
        p95_seconds=percentile(waits, 95),
        max_seconds=max(waits),
        p50_after_answer_seconds=percentile(after_answer, 50),
        p95_after_answer_seconds=percentile(after_answer, 95),
        max_after_answer_seconds=max(after_answer),
        low_photos_per_second=(low_before - low_after) / lasted,
    )
    return row, low_after


def _uploads(client: Client, photos: Sequence[Path], plan: LatencyPlan) -> list[_Upload]:
    """Upload at random moments, whether or not earlier uploads were answered: people do not wait for each other."""
    chance = random.Random(plan.seed)  # noqa: S311 moments, not secrets
    with ThreadPoolExecutor(plan.uploads) as people:
        sending, at = [], time.monotonic()
        for number in range(plan.uploads):
            at += chance.expovariate(1 / plan.mean_seconds)
            time.sleep(max(0.0, at - time.monotonic()))
            sending.append(people.submit(_upload, client, photos[number % len(photos)]))
        return [one.result() for one in sending]


def _upload(client: Client, photo: Path) -> _Upload:
    began_at = time.time()
    [job] = client.upload([photo])
    return _Upload(job["jobId"], began_at, time.time())


def _finished_at(client: Client, upload: _Upload) -> float:
    """Return when it was finished (UTC seconds), by the database: a poll would see it late, and cost CPU."""
    wait_until(
        lambda: client.job(upload.job_id)["finishedAt"] is not None,
        seconds=_PATIENCE_SECONDS,
        every_seconds=_POLL_SECONDS,
    )
    job = client.job(upload.job_id)
    if (job["state"], job["priority"]) != ("succeeded", "HIGH"):
        raise BenchFailed(f"the job of an upload is {job['state']} at {job['priority']} priority: {job['reason']}")
    if not all(made["url"] for made in client.photo(job["photoId"])["renditions"] or [{"url": None}]):
        raise BenchFailed(f"the photo {job['photoId']} has no thumbnail")
    return utc_seconds(job["finishedAt"])


def _low_photos(client: Client) -> int:
    """Return how many LOW photos wait."""
    return int(client.status()["backlog"]["LOW"])
