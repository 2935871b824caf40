"""What a backfill costs: objects per second and the queue's memory, while a bucket of generated keys is enqueued.

The queue is the actor's own class with all of its loops, on a real database, in a process of its own. It has no nodes,
so nothing is rendered. Afterwards the same bucket is gone through once more, when the record knows every photo.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil

from raythumbs.bench.laps import in_processes
from raythumbs.bench.listing_server import listing_server
from raythumbs.bench.plans import BackfillPlan
from raythumbs.bench.report import BenchFailed, Report, Say, table
from raythumbs.cluster.nodes import Node
from raythumbs.db.scratch import scratch_database
from raythumbs.model.backfill import BackfillRequest, BackfillState
from raythumbs.model.ids import new_id
from raythumbs.queue.batch import Batch
from raythumbs.queue.opening import Opening
from raythumbs.queue.parts import Given
from raythumbs.queue.thumbnail_queue import ThumbnailQueue
from raythumbs.settings import Settings, load_settings
from raythumbs.worker.pipeline import Reports
from raythumbs.worker.plan import Plan

_LOOK_SECONDS = 0.2
_MOST = 100_000_000  # more may wait than are listed
_SOURCE = "s3://photos/"
_STEPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How far a backfill was. The rate is that since the row before. MB are 10^6 bytes of the queue's memory (RSS)."""

    database: Annotated[str, "database"]
    what: Annotated[str, "bucket"]
    listed: Annotated[int, "objects", "{:,}"]
    enqueued: Annotated[int, "enqueued", "{:,}"]
    objects_per_second: Annotated[float, "objects/s", "{:,.0f}"]
    resident_mb: Annotated[float, "RSS MB", "{:,.0f}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What to measure: a bucket's server, and a database (None: SQLite)."""

    endpoint: str
    objects: int
    folder: str
    database: str | None


def run(plan: BackfillPlan, *, say: Say) -> Report:
    """Enqueue the bucket into SQLite, and into a PostgreSQL if one is named."""
    rows: list[Row] = []
    with listing_server(plan.objects) as endpoint:
        for server in (None, plan.database) if plan.database else (None,):
            say(f"{plan.objects:,} objects into {'PostgreSQL' if server else 'SQLite'}")
            with ExitStack() as stack:
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir=plan.folder.resolve()))
                database = stack.enter_context(scratch_database(server)) if server else None
                measured = Measured(endpoint=endpoint, objects=plan.objects, folder=folder, database=database)
                rows += in_processes(_measure, [measured])[0]
    return Report(figures={"rows": rows}, tables=[table("raythumbs bench backfill", Row, rows)])


def _measure(measured: Measured) -> list[Row]:
    os.environ |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "bench")  # the server asks for none
    return asyncio.run(_measured(measured))


async def _measured(measured: Measured) -> list[Row]:
    settings = load_settings(
        data_dir=Path(measured.folder),
        database=measured.database,
        store=f"file://{measured.folder}/store",
        s3_endpoint_url=measured.endpoint,
        allowed_sources=("s3://",),
        max_backlog=_MOST,
        backfill_max_waiting=_MOST,
        min_free_memory_bytes=0,
        min_free_disk_bytes=0,
        reconcile_every_seconds=0,
    )
    async with _queue(settings) as queue:
        return [row for what in ("new", "known") async for row in _watched(queue, measured, what)]


async def _watched(queue: ThumbnailQueue, measured: Measured, what: str) -> AsyncIterator[Row]:
    request = BackfillRequest(id=new_id(now=time.time()), source=_SOURCE)
    last_listed, last_at = 0, time.perf_counter()
    await queue.begin_backfill(request)
    while True:
        seen = await queue.backfill(request.id)
        is_over = seen.state is not BackfillState.LISTING
        if is_over or seen.listed >= last_listed + measured.objects / _STEPS:
            now = time.perf_counter()
            yield Row(
                database="PostgreSQL" if measured.database else "SQLite",
                what=what,
                listed=seen.listed,
                enqueued=seen.enqueued,
                objects_per_second=(seen.listed - last_listed) / (now - last_at),
                resident_mb=psutil.Process().memory_info().rss / 1e6,
            )
            last_listed, last_at = seen.listed, now
        if is_over:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    if seen.state is not BackfillState.DONE or seen.listed != measured.objects:
        raise BenchFailed(f"the backfill is {seen.state} after {seen.listed} of {measured.objects} objects")


@asynccontextmanager
async def _queue(settings: Settings) -> AsyncIterator[ThumbnailQueue]:
    given = Given(settings=settings, shard=0, plan=Plan.of(settings), run=_run_nothing, nodes=_no_nodes)
    queue = await Opening(given).queue()
    try:
        yield queue
    finally:
        await queue.close()


async def _no_nodes() -> Mapping[str, Node]:
    return {}


async def _run_nothing(_batch: Batch) -> AsyncIterator[Reports]:
    return
    yield
