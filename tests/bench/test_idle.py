import pytest

from raythumbs.bench.idle import run
from raythumbs.bench.plans import IdlePlan


@pytest.mark.needs("time")
def test_every_process_of_an_idle_service_is_counted():
    report = run(IdlePlan(seconds=1), say=print)

    figures = report.as_json()
    assert {"ray::ThumbnailQueueActor", "raythumbs", "raylet", "haproxy"} <= {
        process["process"] for process in figures["processes"]
    }
    assert 0 < figures["pss_mb"] < figures["rss_mb"]
    assert figures["pss_mb"] < 1500
    assert min(figures["first_answer_seconds"], figures["cpu_percent_of_a_core"]) > 0
    assert report.tables[0].row_count == len(figures["processes"]) + 1
