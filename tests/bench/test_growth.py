"""How the cost grows, measured small."""

from dataclasses import replace
from pathlib import Path

import pytest

from raythumbs.bench.growth import report, run
from raythumbs.bench.plans import GrowthPlan
from raythumbs.bench.queue_at_work import Load, Row, Work, row_of


def row(jobs_per_second: float, *, slots: int = 32, how: str = "simulated") -> Row:
    load = Load(slots=slots, seconds=1)
    return replace(
        row_of("sqlite", load, [Work(jobs=1, seconds=1, cpu_seconds=1)], how=how), jobs_per_second=jobs_per_second
    )


@pytest.mark.needs("time")
def test_photos_slots_and_backlogs_are_measured_and_nothing_is_left(tmp_path: Path):
    plan = GrowthPlan(photos=[40], slots=[64], simulated_seconds=1, backlog=[0], folder=tmp_path, size_mb=0.1)

    figures = run(plan, say=print).figures

    [photos] = figures["photos"]
    assert photos.photos == 40
    assert min(photos.photos_per_second, photos.cpu_ms_per_photo) > 0
    assert 100 < photos.begin_memory_mb <= photos.peak_memory_mb * 1.2
    assert photos.growth_mb == pytest.approx(photos.end_memory_mb - photos.begin_memory_mb)
    [slots] = figures["slots"]
    assert (slots.slots, slots.how) == (64, "simulated")
    assert 10 < slots.busy_percent < 150  # of one second, on a machine that others use
    assert slots.actor_cpu_ms_per_job > 0
    assert [row.backlog for row in figures["backlog"]] == [0]
    assert all(row.jobs_per_second > 0 for row in figures["backlog"])
    assert set(figures) == {"photos", "slots", "backlog", "one_queue_feeds_cores"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("slots", "backlog", "cores"),
    [
        (
            [row(22, slots=1, how="real"), row(40, slots=2, how="real"), row(900, slots=64)],
            [row(5000), row(4000)],
            200.0,
        ),
        ([row(900, slots=64)], [row(5000)], None),
        ([row(40, slots=2, how="real")], [], None),
    ],
    ids=["by its slowest row, and what all cores do", "no core was measured", "no queue was measured"],
)
def test_what_one_queue_feeds_is_reported_where_it_was_measured(slots, backlog, cores):
    reported = report([], slots, backlog)

    assert reported.figures["one_queue_feeds_cores"] == cores
    assert reported.tables[-1].caption == ("one queue feeds 200 cores" if cores else None)
