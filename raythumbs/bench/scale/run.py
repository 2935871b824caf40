"""Measure what queues can feed, one row after the other."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from raythumbs.bench.local_service import orderly_end
from raythumbs.bench.scale.prices import machines
from raythumbs.bench.scale.result import Row, ScalePlan, ScaleResult, priced
from raythumbs.bench.scale.simulation import Simulated, Simulation, simulate
from raythumbs.bench.servers import postgresql_server
from raythumbs.db.scratch import scratch_database

Say = Callable[[str], None]


def run_scale(plan: ScalePlan, *, say: Say) -> ScaleResult:
    """Measure; `say` hears what goes on. What is started and written is gone at the end.

    Raises BadSettings for a wrong table of prices or address, DatabaseUnavailable if the server does not let us in.
    """
    prices = priced(machines(plan.prices), seconds_per_photo=plan.seconds_per_photo)
    with orderly_end(), ExitStack() as stack:
        server = plan.server or stack.enter_context(postgresql_server()).address
        rows = [_row(name, shards, slots, plan, server, say) for name, shards, slots in _subjects(plan)]
    return ScaleResult(seconds_per_photo=plan.seconds_per_photo, rows=tuple(rows), prices=prices)


def _subjects(plan: ScalePlan) -> Iterator[tuple[str, int, int]]:
    for slots in plan.slots:
        for shards in plan.shards:
            if shards == 1:
                yield "sqlite", shards, slots
            yield "postgresql", shards, slots


def _row(name: str, shards: int, slots: int, plan: ScalePlan, server: str, say: Say) -> Row:  # noqa: PLR0913, PLR0917 a row
    say(f"{slots} slots, {shards} queues on {name}")
    with _database(name, server) as url, tempfile.TemporaryDirectory(prefix="raythumbs-scale-", dir=plan.folder) as one:
        done = simulate(
            Simulation(
                database_url=url,
                folder=Path(one).absolute(),
                slots=slots,
                shards=shards,
                seconds_per_photo=plan.seconds_per_photo,
                seconds=plan.seconds,
            )
        )
    return _row_of(name, slots, done, seconds_per_photo=plan.seconds_per_photo)


@contextmanager
def _database(name: str, server: str) -> Iterator[str | None]:
    if name == "sqlite":
        yield None
    else:
        with scratch_database(server) as url:
            yield url


def _row_of(name: str, slots: int, done: list[Simulated], *, seconds_per_photo: float) -> Row:
    rate = sum(one.photos / one.seconds for one in done)
    return Row(
        database=name,
        shards=len(done),
        slots=slots,
        photos_per_second=round(rate, 1),
        busy_percent=round(100 * rate * seconds_per_photo / slots, 1),
        actor_cpu_percent=round(max(100 * one.cpu_seconds / one.seconds for one in done), 1),
        actor_cpu_ms_per_photo=round(
            1000 * sum(one.cpu_seconds for one in done) / max(1, sum(one.photos for one in done)), 3
        ),
        commits_per_second=round(sum(one.commits / one.seconds for one in done), 1),
    )
