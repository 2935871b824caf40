"""Figures of the whole record."""

from typing import Any

from sqlalchemy import Connection, Select, func, select

from raythumbs.db.line import Line
from raythumbs.db.schema import jobs
from raythumbs.db.shards import Shards
from raythumbs.db.statements import WAITS, likely
from raythumbs.model.job import Priority, State
from raythumbs.model.overview import Overview

RATE_SECONDS = 60


def overview(connection: Connection, *, now: float) -> Overview:
    """Count the jobs; each count is answered from an index."""
    by_state = _counts(connection, select(jobs.c.state, func.count()).group_by(jobs.c.state))
    by_rank = _counts(connection, select(jobs.c.priority, func.count()).where(likely(WAITS)).group_by(jobs.c.priority))
    lines = [Line(connection, shard) for shard in range(Shards(connection).count())]
    oldest = [since for line in lines for since in (*line.due_since().values(), line.back_since())]
    ages = [now - due_at for due_at in oldest if due_at is not None]
    finished = connection.scalar(
        select(func.count()).where(jobs.c.finished_at > now - RATE_SECONDS, likely(jobs.c.state == State.SUCCEEDED))
    )
    return Overview(
        states={state: by_state.get(state, 0) for state in State},
        backlog={priority: by_rank.get(priority.rank, 0) for priority in Priority},
        backlog_age_seconds=max(0.0, *ages, 0.0),
        photos_per_second=(finished or 0) / RATE_SECONDS,
    )


def _counts(connection: Connection, query: Select[tuple[Any, int]]) -> dict[Any, int]:
    return {key: count for key, count in connection.execute(query)}  # noqa: C416 dict() would lose the types
