"""Benches of a whole service, measured small, one after the other on the same service: its start takes longest.

The order counts: what waits at the end of one would disturb the next.
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from raythumbs.bench import growth, idle, ingest, latency
from raythumbs.bench.ingest import silent_store
from raythumbs.bench.local_service import Start, scratch_service, wait_until
from raythumbs.bench.plans import GrowthPlan, IdlePlan, IngestPlan, LatencyPlan

pytestmark = pytest.mark.needs("time")


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Give every bench the same service, whose bucket never answers, and which may read files of this machine."""
    with silent_store() as environment:
        sources = [*json.loads(environment["RAYTHUMBS_ALLOWED_SOURCES"]), "file:///"]
        with scratch_service(environment | {"RAYTHUMBS_ALLOWED_SOURCES": json.dumps(sources)}) as service:
            yield lambda _environment: nullcontext(service)


def test_every_process_of_an_idle_service_is_counted(start):
    report = idle.run(IdlePlan(seconds=1), say=print, start=start)

    figures = report.as_json()
    assert {"ray::ThumbnailQueueActor", "raythumbs", "raylet", "haproxy"} <= {
        process["process"] for process in figures["processes"]
    }
    assert 0 < figures["pss_mb"] < figures["rss_mb"]
    assert figures["pss_mb"] < 1500
    assert min(figures["first_answer_seconds"], figures["cpu_percent_of_a_core"]) > 0
    assert report.tables[0].row_count == len(figures["processes"]) + 1


def test_photos_slots_and_backlogs_are_measured_and_nothing_is_left(start, tmp_path):
    plan = GrowthPlan(photos=[10], slots=[64], simulated_seconds=0.3, backlog=[0], folder=tmp_path, size_mb=0.1)

    figures = growth.run(plan, say=print, start=start).figures

    [photos] = figures["photos"]
    assert photos.photos == 10
    assert min(photos.photos_per_second, photos.cpu_ms_per_photo) > 0
    assert 100 < photos.begin_memory_mb <= photos.peak_memory_mb * 1.2
    assert photos.growth_mb == pytest.approx(photos.end_memory_mb - photos.begin_memory_mb)
    [slots] = figures["slots"]
    assert (slots.slots, slots.how) == (64, "simulated")
    assert 10 < slots.busy_percent < 150  # of a moment, on a machine that others use
    assert slots.actor_cpu_ms_per_job > 0
    assert [row.backlog for row in figures["backlog"]] == [0]
    assert all(row.jobs_per_second > 0 for row in figures["backlog"])
    assert set(figures) == {"photos", "slots", "backlog", "one_queue_feeds_cores"}
    assert list(tmp_path.iterdir()) == []


def test_uploads_are_measured_on_an_idle_service_and_during_a_backfill(start):
    said: list[str] = []
    plan = LatencyPlan(backlog=600, uploads=3, mean_seconds=0.5, size_mb=2)  # more work than uploads take

    report = latency.run(plan, say=said.append, start=start)

    figures = report.figures
    idle, backfill = rows = figures["rows"]
    assert [(row.state, row.uploads) for row in rows] == [("idle", 3), ("backfill", 3)]
    assert all(0 < row.p50_seconds <= row.p95_seconds <= row.max_seconds < 20 for row in rows)
    assert all(row.max_after_answer_seconds < row.max_seconds for row in rows)
    assert idle.low_photos_per_second == 0 < backfill.low_photos_per_second
    assert 0 < figures["backlog_left"] < figures["backlog"] == 600
    assert set(report.as_json()["rows"][0]) >= {"state", "uploads", "p50_seconds", "p95_seconds", "max_seconds"}
    assert report.tables[0].row_count == 2
    assert len(said) == 5
    with start({}) as service:  # what is left would disturb the next bench
        assert max(service.client.cancel_all(state="queued")) > 0
        assert wait_until(lambda: not service.client.status()["backlog"]["LOW"], seconds=30)


def test_what_comes_in_is_measured_on_a_real_service_and_each_photo_that_was_answered_for_has_its_job(start):
    report = ingest.run(IngestPlan(connections=4, seconds=0.5), say=print, start=start)  # it counts the jobs itself

    rows = report.as_json()["rows"]
    assert [(row["kind"], row["connections"], row["errors"]) for row in rows] == [
        ("single", 4, 0),
        ("batch of 100", 4, 0),
        ("single job", 4, 0),
    ]
    assert all(row["requests_per_second"] > 0 and 0 < row["p50_ms"] <= row["p99_ms"] for row in rows)
    assert rows[1]["records_per_second"] > 10 * rows[1]["requests_per_second"]
