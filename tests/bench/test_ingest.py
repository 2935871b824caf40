import json
import subprocess
import sys

import pytest


@pytest.mark.needs("time")
def test_what_comes_in_is_measured_on_a_real_service_and_each_photo_that_was_answered_for_has_its_job():
    command = ["bench", "ingest", "--connections", "4", "--seconds", "0.5", "--json"]
    run = subprocess.run([sys.executable, "-m", "raythumbs", *command], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr  # it counts the jobs itself
    rows = json.loads(run.stdout)["rows"]
    assert [(row["kind"], row["connections"], row["errors"]) for row in rows] == [
        ("single", 4, 0),
        ("batch of 100", 4, 0),
        ("single job", 4, 0),
    ]
    assert all(row["requests_per_second"] > 0 and 0 < row["p50_ms"] <= row["p99_ms"] for row in rows)
    assert rows[1]["records_per_second"] > 10 * rows[1]["requests_per_second"]
