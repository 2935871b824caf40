"""Measure what queues can feed, one row after the other."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated

from raythumbs.bench.local_service import orderly_end
from raythumbs.bench.plans import ScalePlan
from raythumbs.bench.queue_at_work import Load, Row, measure
from raythumbs.bench.report import Report, Say, table
from raythumbs.bench.scale.prices import machines
from raythumbs.bench.servers import postgresql_server

_COLUMNS = ("database", "shards", "slots", "jobs_per_second", "busy_percent", "actor_cpu_percent",
            "actor_cpu_ms_per_job", "commits_per_second")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million photos cost on nodes of a kind that are always busy."""

    machine: Annotated[str, "nodes"]
    dollars_per_million: Annotated[float, "dollars", "{:.2f}"]


def run(plan: ScalePlan, *, say: Say) -> Report:
    """Measure; remove what was started and written. One queue is measured on SQLite too.

    Raises BadSettings for a wrong table of prices or address, DatabaseUnavailable if the server does not let us in.
    """
    photo_seconds = plan.photo_ms / 1000
    prices = [
        Price(machine=machine.name, dollars_per_million=machine.dollars_per_million(seconds_per_photo=photo_seconds))
        for machine in machines(plan.prices)
    ]
    rows = []
    with orderly_end(), ExitStack() as stack:
        server = plan.database or stack.enter_context(postgresql_server()).address
        for name, shards, slots in _subjects(plan):
            say(f"{slots} slots, {shards} queues on {name}")
            load = Load(slots=slots, seconds=plan.seconds, photo_seconds=photo_seconds, shards=shards)
            rows.append(measure(load, name, folder=plan.folder, server=server))
    return Report(
        figures={"seconds_per_photo": photo_seconds, "rows": rows, "prices": prices},
        tables=[
            table(f"photos of {plan.photo_ms:g} ms", Row, rows, only=_COLUMNS),
            table("a million photos", Price, prices),
        ],
    )


def _subjects(plan: ScalePlan) -> Iterator[tuple[str, int, int]]:
    for slots in plan.slots:
        for shards in plan.shards:
            if shards == 1:
                yield "sqlite", shards, slots
            yield "postgresql", shards, slots
