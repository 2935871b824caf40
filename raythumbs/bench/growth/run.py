"""Measure how the cost grows, one kind of work after the other."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from raythumbs.bench.growth.result import GrowthPlan, GrowthResult, PhotosRow, SlotsRow
from raythumbs.bench.growth.service import Load, limit_seconds_per_photo, pass_through
from raythumbs.bench.growth.simulation import Simulation, simulate
from raythumbs.bench.local_service import orderly_end
from raythumbs.bench.queue import QueuePlan, run_queue

_SIMULATED_SECONDS_PER_PHOTO = 0.05
_MB = 1e6

Say = Callable[[str], None]


def run_growth(plan: GrowthPlan, *, say: Say) -> GrowthResult:
    """Measure; `say` hears what goes on. What is started and written is gone at the end."""
    cores = len(os.sched_getaffinity(0))
    with orderly_end():
        photos = [_photos_row(count, plan, say) for count in plan.photos]
        slots = [_real_row(n, plan, say) if n <= cores else _simulated_row(n, plan, say) for n in plan.slots]
        say("the backlog")
        queue = QueuePlan(backlogs=plan.backlogs, folder=plan.folder, runs=plan.runs, jobs=plan.jobs)
        backlog = run_queue(queue).rows
    return GrowthResult(photos=tuple(photos), slots=tuple(slots), backlog=backlog)


def _photos_row(count: int, plan: GrowthPlan, say: Say) -> PhotosRow:
    taken = pass_through(Load(photos=count, size_mb=plan.size_mb), say=say)
    return PhotosRow(
        photos=count,
        seconds=round(taken.seconds, 2),
        photos_per_second=round(count / taken.seconds, 1),
        cpu_ms_per_photo=round(taken.usage.cpu_seconds * 1000 / count, 2),
        begin_memory_mb=round(taken.begin_memory_bytes / _MB, 1),
        peak_memory_mb=round(taken.usage.peak_memory_bytes / _MB, 1),
        end_memory_mb=round(taken.end_memory_bytes / _MB, 1),
        growth_mb=round((taken.end_memory_bytes - taken.begin_memory_bytes) / _MB, 1),
    )


def _real_row(slots: int, plan: GrowthPlan, say: Say) -> SlotsRow:
    photos = slots * plan.photos_a_slot
    limit = partial(limit_seconds_per_photo, size_mb=plan.slot_photo_mb, cores=slots)
    say(f"{slots} slots: the limit of as many cores")
    before = limit()
    taken = pass_through(Load(photos=photos, size_mb=plan.slot_photo_mb, slots=slots), say=say)
    say(f"{slots} slots: the limit again, of a machine that others may use")
    seconds_per_photo = (before + limit()) / 2
    return _slots_row(
        slots, "real", seconds_per_photo, photos=photos, seconds=taken.seconds, cpu_seconds=taken.actor_cpu_seconds
    )


def _simulated_row(slots: int, plan: GrowthPlan, say: Say) -> SlotsRow:
    say(f"{slots} slots, simulated")
    with (
        tempfile.TemporaryDirectory(prefix="raythumbs-slots-", dir=plan.folder) as folder,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart,
    ):
        simulation = Simulation(
            slots=slots,
            seconds_per_photo=_SIMULATED_SECONDS_PER_PHOTO,
            seconds=plan.simulated_seconds,
            folder=Path(folder).absolute(),
        )
        done = apart.submit(simulate, simulation).result()
    return _slots_row(
        slots,
        "simulated",
        _SIMULATED_SECONDS_PER_PHOTO,
        photos=done.photos,
        seconds=done.seconds,
        cpu_seconds=done.cpu_seconds,
    )


def _slots_row(  # noqa: PLR0913 what the row is made of
    slots: int, how: str, seconds_per_photo: float, *, photos: int, seconds: float, cpu_seconds: float
) -> SlotsRow:
    return SlotsRow(
        slots=slots,
        how=how,
        seconds_per_photo=round(seconds_per_photo, 5),
        photos_per_second=round(photos / seconds, 2),
        busy_percent=round(100 * photos / seconds / (slots / seconds_per_photo), 1),
        actor_cpu_percent=round(100 * cpu_seconds / seconds, 1),
        actor_cpu_ms_per_photo=round(1000 * cpu_seconds / photos, 3),
    )
