"""How a bench measures, and what it makes of its measurements."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from raythumbs.bench.laps import in_processes, laps, medians, percentile
from raythumbs.bench.report import Report, counted, table


@dataclass(frozen=True)
class Row:
    jobs: int
    seconds: Annotated[float, "s", "{:.1f}"]
    name: Annotated[str, "n"] = "a"


def test_every_subject_has_a_lap_before_any_has_its_next():
    measured = []

    rows = laps(["a", "b"], lambda name: measured.append(name) or Row(9, float(len(measured)), name), runs=3)

    assert measured == ["a", "b"] * 3
    assert rows == [Row(9, 3.0, "a"), Row(9, 4.0, "b")]


def test_medians_are_of_what_was_measured_and_not_of_what_was_asked_for():
    assert medians([Row(1, 5.0), Row(1, 1.0), Row(1, 2.0)]) == Row(1, 2.0)


@pytest.mark.parametrize(("percent", "value"), [(50, 11), (95, 20), (99, 20)])
def test_a_percentile_of_few_values_is_one_of_them(percent, value):
    assert percentile(range(20, 0, -1), percent) == value
    assert percentile([], percent) == 0


def test_each_argument_has_a_process_of_its_own():
    assert in_processes(abs, [-1, -2]) == [1, 2]


def test_a_report_has_the_facts_of_the_machine_and_its_rows_as_json_and_as_a_table():
    rows = [Row(1, 1 / 3)]

    report = Report(figures={"rows": rows}, tables=[table("t", Row, rows)])

    assert report.as_json()["rows"] == [{"jobs": 1, "seconds": 0.33333, "name": "a"}]
    assert {"cores", "memory_bytes", "raythumbs"} <= report.as_json()["machine"].keys()
    assert [list(column.cells) for column in report.tables[0].columns] == [["0.3"], ["a"]]


def test_counts_are_listed_the_largest_first():
    assert counted({"queue": 1, "worker": 2000}) == "2,000 worker, 1 queue"
    assert counted({}) == "none"
