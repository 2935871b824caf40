from pathlib import Path

from raythumbs.bench.queue import QueuePlan, run_queue


def test_every_backlog_is_measured_on_every_database_and_nothing_is_left(tmp_path: Path, postgresql_url: str) -> None:
    plan = QueuePlan(server=postgresql_url, backlogs=(20, 300), folder=tmp_path, runs=1, jobs=60)

    result = run_queue(plan)

    assert [(row.database, row.backlog) for row in result.rows] == [
        ("sqlite", 20),
        ("sqlite", 300),
        ("postgresql", 20),
        ("postgresql", 300),
    ]
    assert all(row.jobs_per_second > 0 and row.actor_cpu_ms_per_job > 0 for row in result.rows)
    assert all(row.enqueue_records_per_second > 0 and row.actor_rss_mb > row.actor_growth_mb for row in result.rows)
    assert set(result.as_dict()["rows"][0]) >= {
        "database",
        "backlog",
        "jobs_per_second",
        "actor_cpu_ms_per_job",
        "enqueue_records_per_second",
    }
    assert result.as_table().row_count == len(result.rows)
    assert list(tmp_path.iterdir()) == []


def test_without_a_server_sqlite_alone_is_measured(tmp_path: Path) -> None:
    result = run_queue(QueuePlan(backlogs=(1,), folder=tmp_path, runs=1, jobs=3))

    assert [row.database for row in result.rows] == ["sqlite"]
