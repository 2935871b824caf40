"""How many jobs a second pass through the queue, and what each costs its actor, whatever waits."""

import multiprocessing
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from raythumbs.bench.queue_at_work import Measured, Plan, measure
from raythumbs.db.scratch import scratch_database

BACKLOGS = (1_000, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan:
    """What to measure: `runs` times `jobs` at each backlog, on SQLite in the folder, and on PostgreSQL if there is a
    `server`: the address of a database there, whose user may create others."""

    server: str | None = None
    backlogs: Sequence[int] = BACKLOGS
    folder: Path = Path()
    runs: int = 3
    jobs: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians at one backlog on one database; see `Measured`."""

    database: str
    backlog: int
    jobs_per_second: float
    actor_cpu_ms_per_job: float
    enqueue_records_per_second: float
    actor_rss_mb: float
    actor_growth_mb: float


@dataclass(frozen=True, slots=True)
class QueueResult:
    """Every row."""

    rows: tuple[Row, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {"rows": [asdict(row) for row in self.rows]}

    def as_table(self) -> Table:
        """Return the result for people."""
        columns = ("database", "backlog", "jobs/s", "CPU ms/job", "enqueued/s", "RSS MB", "of that grown")
        table = Table(*columns, title="raythumbs bench queue")
        for row in self.rows:
            table.add_row(
                row.database,
                f"{row.backlog:,}",
                f"{row.jobs_per_second:,.0f}",
                f"{row.actor_cpu_ms_per_job:.2f}",
                f"{row.enqueue_records_per_second:,.0f}",
                f"{row.actor_rss_mb:.0f}",
                f"{row.actor_growth_mb:.0f}",
            )
        return table


def run_queue(plan: QueuePlan) -> QueueResult:
    """Measure each database at each backlog, in files and databases of its own, which are removed.

    Raises BadSettings if the server's address is none, DatabaseUnavailable if it does not let us in.
    """
    if plan.server:
        with scratch_database(plan.server):  # what is wrong with it is told before anything is measured
            pass
    servers = {"sqlite": None, "postgresql": plan.server} if plan.server else {"sqlite": None}
    subjects = [(name, backlog) for name in servers for backlog in plan.backlogs]
    tries: dict[tuple[str, int], list[Measured]] = {subject: [] for subject in subjects}
    for _ in range(plan.runs):  # in turn, so that a slow minute of the machine is everybody's
        for name, backlog in subjects:
            tries[name, backlog].append(_measured_apart(plan, servers[name], backlog))
    return QueueResult(tuple(_rows(tries)))


def _measured_apart(plan: QueuePlan, server: str | None, backlog: int) -> Measured:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="raythumbs-queue-", dir=plan.folder))
        url = stack.enter_context(scratch_database(server)) if server else None
        apart = stack.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context("spawn")))
        one = Plan(database_url=url, folder=Path(folder).absolute(), backlog=backlog, jobs=plan.jobs)
        return apart.submit(measure, one).result()


def _rows(tries: dict[tuple[str, int], list[Measured]]) -> Iterator[Row]:
    for (name, backlog), measured in tries.items():
        medians = {
            field.name: statistics.median(getattr(one, field.name) for one in measured) for field in fields(Measured)
        }
        yield Row(
            database=name,
            backlog=backlog,
            jobs_per_second=round(medians["jobs_per_second"], 1),
            actor_cpu_ms_per_job=round(medians["cpu_ms_per_job"], 3),
            enqueue_records_per_second=round(medians["enqueue_records_per_second"], 1),
            actor_rss_mb=round(medians["rss_mb"], 1),
            actor_growth_mb=round(medians["growth_mb"], 1),
        )
