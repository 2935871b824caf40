"""How long to wait before the next attempt."""

import random
from collections.abc import Callable

Backoff = Callable[[int], float]  # of the number of errors so far: seconds

LONGEST_SECONDS = 6 * 3600.0


def backoff_seconds(errors: int, *, chance: float) -> float:
    """Return the seconds to wait after error number `errors` (from 1): n^4 within ten per cent, six hours at most.

    `chance` is a random number from 0 to 1; it spreads retries so that they do not all return at once.
    The shape is River's and Sidekiq's: 15 errors span some 29 hours, enough to outlast a night's outage.
    """
    return _spread(errors**4, chance)


def slow_backoff_seconds(errors: int, *, chance: float) -> float:
    """Return the seconds to wait for a person to act: n^6 within ten per cent, six hours at most.

    The first wait is a second, because another machine may have what this one lacks; 15 errors span some 60 hours,
    enough to outlast a weekend.
    """
    return _spread(errors**6, chance)


def random_backoff(errors: int) -> float:
    """Return `backoff_seconds` with a random chance."""
    return backoff_seconds(errors, chance=random.random())  # noqa: S311 to spread, not to hide


def random_slow_backoff(errors: int) -> float:
    """Return `slow_backoff_seconds` with a random chance."""
    return slow_backoff_seconds(errors, chance=random.random())  # noqa: S311 to spread, not to hide


def _spread(seconds: float, chance: float) -> float:
    return float(min(seconds, LONGEST_SECONDS) * (0.9 + 0.2 * chance))
