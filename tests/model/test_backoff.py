import pytest
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.model.backoff import LONGEST_SECONDS, backoff_seconds, slow_backoff_seconds

ERRORS = st.integers(min_value=1, max_value=10_000)
CHANCE = st.floats(min_value=0, max_value=1)


@given(errors=ERRORS, chance=CHANCE)
def test_a_wait_is_the_fourth_power_within_a_tenth_and_bounded(errors: int, chance: float) -> None:
    middle = min(errors**4, LONGEST_SECONDS)

    assert 0.9 * middle <= backoff_seconds(errors, chance=chance) <= 1.1 * middle * (1 + 1e-12)


@given(errors=ERRORS, chance=CHANCE)
def test_another_error_never_shortens_the_wait(errors: int, chance: float) -> None:
    assert backoff_seconds(errors + 1, chance=chance) >= backoff_seconds(errors, chance=chance)


@given(errors=st.integers(min_value=1, max_value=11), luckier=CHANCE, unluckier=CHANCE)
def test_up_to_the_longest_wait_each_wait_is_longer_than_the_one_before_whatever_the_chance(
    errors: int, luckier: float, unluckier: float
) -> None:
    assert backoff_seconds(errors, chance=unluckier) < backoff_seconds(errors + 1, chance=luckier)


def test_chance_spreads_the_retries_of_jobs_that_failed_together() -> None:
    waits = {backoff_seconds(3, chance=tenth / 10) for tenth in range(11)}

    assert len(waits) == 11


def test_fifteen_errors_outlast_a_night() -> None:
    spent = sum(backoff_seconds(errors, chance=0) for errors in range(1, 15))

    assert spent > 16 * 3600


def test_the_first_retry_comes_within_seconds() -> None:
    assert backoff_seconds(1, chance=0.5) == pytest.approx(1)


def test_a_person_has_a_weekend_to_mend_what_only_a_person_can() -> None:
    spent = sum(slow_backoff_seconds(errors, chance=0) for errors in range(1, 15))

    assert spent > 48 * 3600
    assert slow_backoff_seconds(1, chance=0.5) == pytest.approx(1)  # another machine may fare better
    assert slow_backoff_seconds(10_000, chance=0.5) == LONGEST_SECONDS
