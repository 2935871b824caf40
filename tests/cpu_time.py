"""What a piece of work costs, on a machine that has other work too."""

import time
from collections.abc import Callable
from typing import TypeVar

TRIES = 3
_LOOPS = 5_000_000
_USUAL_SECONDS = 0.1
Result = TypeVar("Result")


def within_cpu(seconds: float, work: Callable[[], Result]) -> Result:
    """Call `work`, which must take less than `seconds` of this process's CPU time; its result.

    Shared caches and other threads of this process can make any one call slower, so the best of three counts. On a
    machine that is slow at this moment it may take longer by as much.
    """
    taken = []
    while len(taken) < TRIES:
        began = time.process_time()
        result = work()
        taken.append(time.process_time() - began)
        if taken[-1] < seconds or taken[-1] < seconds * slowness():
            return result
    raise AssertionError(f"takes {min(taken):.2f} s of CPU at the best of {TRIES} tries, more than {seconds} s")


def slowness() -> float:
    """Return how many times as long as usual a loop of Python takes now, at least 1: others share these cores."""
    began = time.process_time()
    for _ in range(_LOOPS):
        pass
    return max(1.0, (time.process_time() - began) / _USUAL_SECONDS)
