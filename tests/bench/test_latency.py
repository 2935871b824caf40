"""How long a person waits, measured small."""

import pytest

from raythumbs.bench.latency import run
from raythumbs.bench.plans import LatencyPlan
from raythumbs.errors import BadRequest


@pytest.mark.needs("time")
def test_uploads_are_measured_on_an_idle_service_and_during_a_backfill():
    said: list[str] = []
    plan = LatencyPlan(backlog=200, uploads=3, mean_seconds=0.2, size_mb=2)

    report = run(plan, say=said.append)

    figures = report.figures
    idle, backfill = rows = figures["rows"]
    assert [(row.state, row.uploads) for row in rows] == [("idle", 3), ("backfill", 3)]
    assert all(0 < row.p50_seconds <= row.p95_seconds <= row.max_seconds < 20 for row in rows)
    assert all(row.max_after_answer_seconds < row.max_seconds for row in rows)
    assert idle.low_photos_per_second == 0 < backfill.low_photos_per_second
    assert 0 < figures["backlog_left"] < figures["backlog"] == 200
    assert set(report.as_json()["rows"][0]) >= {"state", "uploads", "p50_seconds", "p95_seconds", "max_seconds"}
    assert report.tables[0].row_count == 2
    assert len(said) == 5


def test_a_far_store_is_not_asked_for_photos_that_come_in_parts():
    with pytest.raises(BadRequest, match="at most 7 MB"):
        run(LatencyPlan(size_mb=10, store_latency_ms=50), say=print)
