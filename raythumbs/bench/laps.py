"""How a bench measures: in rounds, in processes of their own, and summed up by medians and percentiles."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from multiprocessing import get_context
from threading import Barrier
from typing import Any, TypeVar

from raythumbs.bench.local_service import die_with_parent

Subject = TypeVar("Subject")
Row = TypeVar("Row")
Argument = TypeVar("Argument")

_barriers: list[Barrier] = []  # of this process, which has never more than one


def laps(subjects: Sequence[Subject], lap: Callable[[Subject], Row], *, runs: int) -> list[Row]:
    """Measure each subject `runs` times; return for each a row of medians.

    Every subject has its lap before any has its next one, so that a slow minute of the machine affects all of them.
    """
    rounds = [[lap(subject) for subject in subjects] for _ in range(runs)]
    return [medians(rows) for rows in zip(*rounds, strict=True)]


def medians(rows: Sequence[Row]) -> Row:
    """Return the first of these frozen dataclasses, with the median of all rows in each field that is a float."""
    first: Any = rows[0]
    measured = [field.name for field in fields(first) if isinstance(getattr(first, field.name), float)]
    result: Row = replace(first, **{name: statistics.median(getattr(row, name) for row in rows) for name in measured})
    return result


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value below which `percent` of the values lie, by nearest rank; 0 if there are no values."""
    ordered = sorted(values) or [0.0]
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


def in_processes(function: Callable[[Argument], Row], arguments: Sequence[Argument]) -> list[Row]:
    """Call a function at once with each argument, in a new process for each: its CPU time and memory are then the
    function's alone. The function may call `await_others`."""
    context = get_context("forkserver")
    context.set_forkserver_preload([function.__module__])  # imported once for all
    barrier = context.Barrier(len(arguments))
    with ProcessPoolExecutor(len(arguments), context, initializer=_begin, initargs=(barrier,)) as pool:
        return list(pool.map(function, arguments))


def await_others() -> None:
    """Wait until all processes of `in_processes` have come here."""
    _barriers[0].wait()


def _begin(barrier: Barrier) -> None:
    die_with_parent()
    _barriers.append(barrier)
