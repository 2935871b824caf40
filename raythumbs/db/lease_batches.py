"""Divides due jobs into batches."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import Row


def batches_of(due: Sequence[Row[Any]], sizes: Sequence[int]) -> list[Sequence[Row[Any]]]:
    """Divide due jobs into batches of up to these sizes. A job with losses gets a batch of its own."""
    batches: list[Sequence[Row[Any]]] = []
    start = 0
    for size in sizes:
        if start < len(due):
            batch = before_losses(due[start : start + size]) or due[start : start + 1]
            batches.append(batch)
            start += len(batch)
    return batches


def before_losses(due: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Return the jobs before the first one with losses."""
    return list(takewhile(lambda row: not row.losses, due))
