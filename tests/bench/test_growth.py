"""How the cost grows, measured small."""

from pathlib import Path

import pytest

from raythumbs.bench.growth import report, run
from raythumbs.bench.plans import GrowthPlan
from raythumbs.bench.queue import Row
from raythumbs.bench.scale.run import Row as SlotsRow


def slots_row(slots: int, how: str, photos_per_second: float) -> SlotsRow:
    return SlotsRow(
        slots=slots,
        how=how,
        database="sqlite",
        shards=1,
        commits_per_second=1,
        seconds_per_photo=0.05,
        photos_per_second=photos_per_second,
        busy_percent=90,
        actor_cpu_percent=1,
        actor_cpu_ms_per_photo=1,
    )


def backlog_row(backlog: int, jobs_per_second: float) -> Row:
    return Row(
        database="sqlite",
        backlog=backlog,
        jobs_per_second=jobs_per_second,
        actor_cpu_ms_per_job=0.1,
        enqueue_records_per_second=9,
        actor_rss_mb=100,
        actor_growth_mb=1,
    )


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
    assert slots.actor_cpu_ms_per_photo > 0
    assert [row.backlog for row in figures["backlog"]] == [0]
    assert all(row.jobs_per_second > 0 for row in figures["backlog"])
    assert set(figures) == {"photos", "slots", "backlog", "one_queue_feeds_cores"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("slots", "backlog", "cores"),
    [
        (
            [slots_row(1, "real", 22), slots_row(2, "real", 40), slots_row(64, "simulated", 900)],
            [backlog_row(0, 5000), backlog_row(100_000, 4000)],
            200.0,
        ),
        ([slots_row(64, "simulated", 900)], [backlog_row(0, 5000)], None),
        ([slots_row(2, "real", 40)], [], None),
    ],
    ids=["by its slowest row, and what all cores do", "no core was measured", "no queue was measured"],
)
def test_what_one_queue_feeds_is_reported_where_it_was_measured(slots, backlog, cores):
    reported = report([], slots, backlog)

    assert reported.figures["one_queue_feeds_cores"] == cores
    assert reported.tables[-1].caption == ("one queue feeds 200 cores" if cores else None)
