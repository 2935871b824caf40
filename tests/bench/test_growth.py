from dataclasses import replace

import pytest

from raythumbs.bench.growth import report
from raythumbs.bench.queue_at_work import Load, Row, Work, row_of


def row(jobs_per_second: float, *, slots: int = 32, how: str = "simulated") -> Row:
    load = Load(slots=slots, seconds=1)
    return replace(
        row_of("sqlite", load, [Work(jobs=1, seconds=1, cpu_seconds=1)], how=how), jobs_per_second=jobs_per_second
    )


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
