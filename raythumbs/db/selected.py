"""Finds the jobs that a selection means, by indexes: at most so many rows are read, however many jobs there are."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, union_all
from sqlalchemy import literal_column as literal

from raythumbs.db.fair_order import folder_key
from raythumbs.db.job_rows import is_in
from raythumbs.db.schema import jobs
from raythumbs.model.job import State
from raythumbs.model.selection import Selection


def conditions(selection: Selection) -> list[ColumnElement[bool]]:
    """Return the conditions on a job's code, folder and id. They name what the partial indexes name."""
    found: list[ColumnElement[bool]] = []
    if selection.code is not None:
        found += [jobs.c.code == selection.code, jobs.c.code.is_not(None)]
    if selection.folder_id is not None:
        found += [jobs.c.folder_id == folder_key(selection.folder_id), jobs.c.folder_id != literal("''")]
    if selection.ids is not None:
        found += [jobs.c.id.in_(sorted(set(selection.ids)))]
    return found


def of_each(states: Iterable[State], query: Select[Any], *, newest_first: bool, limit: int) -> Select[Any]:
    """Return the first `limit` ids of `query` among the jobs in these states.

    Each state is read by an index of its own, in the order of the ids, and no further than the limit.
    """
    order = jobs.c.id.desc() if newest_first else jobs.c.id
    each = [query.where(is_in(state)).order_by(order).limit(limit).subquery().select() for state in states]
    merged = union_all(*each).subquery()
    return merged.select().order_by(merged.c.id.desc() if newest_first else merged.c.id).limit(limit)


def states_of(selection: Selection, possible: Sequence[State]) -> list[State]:
    """Return which of the possible states a selection means."""
    return [state for state in possible if selection.state in {None, state}]
