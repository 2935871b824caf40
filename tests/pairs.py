"""Fewer cases than all combinations of parameters, where a fault needs no more than two of them together."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any


def pairs(*parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return cases, a value of each parameter in each, in which every two values of two parameters meet."""
    cases = {
        places: set(combinations(enumerate(places), 2)) for places in product(*(range(len(p)) for p in parameters))
    }
    left = set().union(*cases.values())
    chosen = []
    while left:
        best = max(cases, key=lambda places: len(cases[places] & left))
        left -= cases.pop(best)
        chosen.append(tuple(values[place] for values, place in zip(parameters, best, strict=True)))
    return chosen
