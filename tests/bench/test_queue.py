from pathlib import Path

import pytest

from raythumbs.bench.plans import QueuePlan
from raythumbs.bench.queue import run


@pytest.mark.needs("time")
def test_every_backlog_is_measured_on_every_database_and_nothing_is_left(tmp_path: Path, postgresql_url: str) -> None:
    plan = QueuePlan(database=postgresql_url, backlog=[20, 300], folder=tmp_path, runs=1, seconds=0.2)

    report = run(plan, say=print)

    rows = report.figures["rows"]
    assert [(row.database, row.backlog) for row in rows] == [
        ("sqlite", 20),
        ("sqlite", 300),
        ("postgresql", 20),
        ("postgresql", 300),
    ]
    assert all(row.jobs_per_second > 0 and row.actor_cpu_ms_per_job > 0 for row in rows)
    assert all(row.enqueue_records_per_second > 0 and row.actor_rss_mb > row.actor_growth_mb for row in rows)
    assert set(report.as_json()["rows"][0]) >= {
        "database",
        "backlog",
        "jobs_per_second",
        "actor_cpu_ms_per_job",
        "enqueue_records_per_second",
        "actor_rss_mb",
        "actor_growth_mb",
    }
    assert report.tables[0].row_count == len(rows)
    assert (list(report.complaints), list(tmp_path.iterdir())) == ([], [])


@pytest.mark.needs("time")
def test_without_a_server_sqlite_alone_is_measured(tmp_path: Path) -> None:
    report = run(QueuePlan(backlog=[1], folder=tmp_path, runs=2, seconds=0.1), say=print)

    assert [row.database for row in report.figures["rows"]] == ["sqlite"]
    assert "PostgreSQL" in report.complaints[0]
