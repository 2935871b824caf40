"""The figures of the notebook for operators are those that Prometheus computes."""

from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


@pytest.fixture
def operations(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(NOTEBOOKS)
    import operations

    return operations


def readings(*rows):
    return pd.DataFrame(rows, columns=["seconds", "metric", "priority", "le", "value"])


def test_a_quantile_is_of_the_new_values_and_lies_within_its_bucket(operations):
    samples = readings(
        *((0.0, "s_bucket", "low", le, 100) for le in ("1.0", "2.0", "4.0", "+Inf")),
        (9.0, "s_bucket", "low", "1.0", 102),
        (9.0, "s_bucket", "low", "2.0", 106),
        (9.0, "s_bucket", "low", "4.0", 110),
        (9.0, "s_bucket", "low", "+Inf", 110),
        *((at, "s_bucket", "high", le, 3) for at in (0.0, 9.0) for le in ("1.0", "2.0", "4.0", "+Inf")),
    )

    found = operations.quantile(samples, "s", "priority", 0.5)

    assert found.to_dict() == {"low": pytest.approx(1.75)}  # the fifth of ten: the third of four from 1 to 2


def test_a_quantile_above_all_bounds_is_the_last_bound(operations):
    samples = readings(
        *((0.0, "s_bucket", "low", le, 0) for le in ("1.0", "+Inf")),
        (9.0, "s_bucket", "low", "1.0", 1),
        (9.0, "s_bucket", "low", "+Inf", 10),
    )

    assert operations.quantile(samples, "s", "priority", 0.95).to_dict() == {"low": 1.0}


def test_a_rate_is_the_rise_of_a_counter_in_a_second(operations):
    samples = readings(*((at, "photos_total", "low", None, 10 * at * at) for at in (0.0, 1.0, 3.0)))

    rates = operations.rate(operations.by_label(samples, "photos_total", "priority"))

    assert rates.low.to_dict() == {1.0: 10.0, 3.0: 40.0}
