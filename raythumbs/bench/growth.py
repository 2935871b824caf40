"""How the cost grows: with the photos, with the slots, with the backlog."""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from raythumbs.bench.limit import limit_photos_per_second
from raythumbs.bench.local_service import Start, orderly_end, scratch_service
from raythumbs.bench.meter import cpu_seconds, metered
from raythumbs.bench.photos import await_ended, draw_readable, ended, finished_at, photo_store
from raythumbs.bench.plans import GrowthPlan, QueuePlan
from raythumbs.bench.queue import measure_backlogs
from raythumbs.bench.queue_at_work import Load, Row, Work, measure, row_of
from raythumbs.bench.report import Report, Say, cores, table

_SIMULATED_PHOTO_SECONDS = 0.05
_LIMIT_PHOTOS = 8
_WARM_UP_PHOTOS = 200
_SETTLING_SECONDS = 2.0
_MB = 1e6
_SLOTS_COLUMNS = ("slots", "how", "seconds_per_photo", "jobs_per_second", "busy_percent", "actor_cpu_percent",
                  "actor_cpu_ms_per_job")  # fmt: skip
_BACKLOG_COLUMNS = ("backlog", "jobs_per_second", "actor_cpu_ms_per_job", "actor_rss_mb")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotosRow:
    """So many photos through the whole service, from the first submission to the last address in the database.

    CPU and memory are those of all its processes. Memory is PSS in MB (10^6); it is measured before the photos, at its
    most, and some seconds after them. The actor's CPU is part of the CPU.
    """

    photos: Annotated[int, "photos", "{:,}"]
    seconds: Annotated[float, "seconds", "{:.1f}"]
    photos_per_second: Annotated[float, "photos/s", "{:.1f}"]
    cpu_ms_per_photo: Annotated[float, "CPU ms/photo", "{:.1f}"]
    begin_memory_mb: Annotated[float, "MB before", "{:.0f}"]
    peak_memory_mb: Annotated[float, "at most", "{:.0f}"]
    end_memory_mb: Annotated[float, "after", "{:.0f}"]
    growth_mb: Annotated[float, "grown", "{:+.0f}"]
    actor_cpu_seconds: float


def run(plan: GrowthPlan, *, say: Say, start: Start = scratch_service) -> Report:
    """Measure; remove what was started and written. Slots that this machine has cores for are real."""
    photos, slots = [], []
    with orderly_end():
        for count in plan.photos:
            say(f"{count:,} photos of {plan.size_mb:g} MB")
            photos.append(_photos_row(count, plan.size_mb, start))
        for count in plan.slots:
            say(f"{count} slots")
            slots.append(_real_row(count, plan, start) if count <= cores() else _simulated_row(count, plan))
        queue = QueuePlan(backlog=plan.backlog, folder=plan.folder, runs=1, seconds=plan.simulated_seconds)
        return report(photos, slots, measure_backlogs(queue, say=say))


def report(photos: list[PhotosRow], slots: list[Row], backlog: list[Row]) -> Report:
    """Report the rows, and how many cores like this machine's it takes to ask more of one queue than it can do: the
    queue's slowest row, by what a core renders in the service. (None where either was not measured.)"""
    feeds, caption = None, None
    real = [row for row in slots if row.how == "real"]
    if real and backlog:
        most = max(real, key=lambda row: row.slots)
        feeds = min(row.jobs_per_second for row in backlog) / (most.jobs_per_second / most.slots)
        caption = f"one queue feeds {feeds:.0f} cores"
    return Report(
        figures={"photos": photos, "slots": slots, "backlog": backlog, "one_queue_feeds_cores": feeds},
        tables=[
            table("with the photos", PhotosRow, photos),
            table("with the slots", Row, slots, only=_SLOTS_COLUMNS),
            table("with the backlog", Row, backlog, caption=caption, only=_BACKLOG_COLUMNS),
        ],
    )


def _photos_row(photos: int, size_mb: float, start: Start, *, slots: int | None = None) -> PhotosRow:
    """Start a service, warm it up, pass the photos through it, and stop it."""
    environment = {"RAYTHUMBS_MAX_WORKERS_PER_NODE": str(slots)} if slots else {}
    warm_up = min(_WARM_UP_PHOTOS, photos)
    with photo_store() as store:
        sources = store.link(store.draw(size_mb), warm_up + photos)
        with start(store.environment | environment) as service:
            client, family = service.client, service.family
            ended_before = ended(client)
            client.submit(sources[:warm_up])
            await_ended(client, ended_before + warm_up)
            time.sleep(_SETTLING_SECONDS)
            begin_bytes, ended_before = family.memory_bytes(), ended(client)
            actor = family.titled("ray::ThumbnailQueue")
            actor_before = cpu_seconds(actor)
            with metered(family) as meter:
                began_at = time.time()
                client.submit(sources[warm_up:])
                await_ended(client, ended_before + photos)
            actor_cpu_seconds = cpu_seconds(actor) - actor_before
            time.sleep(_SETTLING_SECONDS)
            end_bytes = family.memory_bytes()
            seconds = max(finished_at(client, sources[warm_up:]).values()) - began_at
    return PhotosRow(
        photos=photos,
        seconds=seconds,
        photos_per_second=photos / seconds,
        cpu_ms_per_photo=meter.usage().cpu_seconds * 1000 / photos,
        begin_memory_mb=begin_bytes / _MB,
        peak_memory_mb=meter.usage().peak_memory_bytes / _MB,
        end_memory_mb=end_bytes / _MB,
        growth_mb=(end_bytes - begin_bytes) / _MB,
        actor_cpu_seconds=actor_cpu_seconds,
    )


def _real_row(slots: int, plan: GrowthPlan, start: Start) -> Row:
    """Compare with the limit of as many cores, measured before and after: other programs may use the machine."""
    before = _limit_seconds(slots, plan)
    passed = _photos_row(slots * plan.photos_a_slot, plan.slot_photo_mb, start, slots=slots)
    limit = (before + _limit_seconds(slots, plan)) / 2
    work = Work(jobs=passed.photos, seconds=passed.seconds, cpu_seconds=passed.actor_cpu_seconds)
    row = row_of("sqlite", Load(slots=slots, seconds=passed.seconds, photo_seconds=limit), [work], how="real")
    return replace(
        row, commits_per_second=None, enqueue_records_per_second=None, actor_rss_mb=None, actor_growth_mb=None
    )


def _simulated_row(slots: int, plan: GrowthPlan) -> Row:
    load = Load(slots=slots, seconds=plan.simulated_seconds, photo_seconds=_SIMULATED_PHOTO_SECONDS)
    return measure(load, "sqlite", folder=plan.folder)


def _limit_seconds(slots: int, plan: GrowthPlan) -> float:
    """Return what a core takes for a photo if it does nothing but render, while as many do."""
    with tempfile.TemporaryDirectory(prefix="rt-limit-") as folder:
        photos = draw_readable(Path(folder), count=_LIMIT_PHOTOS, size_mb=plan.slot_photo_mb)
        return slots / limit_photos_per_second(photos, workers=slots)
