"""How many jobs a second pass through the queue, and what each costs its actor, at each length of the backlog."""

from raythumbs.bench.laps import laps
from raythumbs.bench.plans import QueuePlan
from raythumbs.bench.queue_at_work import Load, Row, measure
from raythumbs.bench.report import Report, Say, table
from raythumbs.db.scratch import scratch_database

_COLUMNS = ("database", "backlog", "jobs_per_second", "actor_cpu_ms_per_job", "enqueue_records_per_second",
            "actor_rss_mb", "actor_growth_mb")  # fmt: skip
_SLOTS = 32  # enough that the queue alone limits what they do


def run(plan: QueuePlan, *, say: Say) -> Report:
    """Measure the backlogs on SQLite in the folder and, if the plan has an address, on PostgreSQL.

    Raises BadSettings if the address is wrong, DatabaseUnavailable if the server does not let us in.
    """
    rows = measure_backlogs(plan, say=say)
    missing = "not measured: PostgreSQL (--database postgresql://USER:PASSWORD@HOST/NAME)"
    return Report(
        figures={"rows": rows},
        tables=[table("raythumbs bench queue", Row, rows, only=_COLUMNS)],
        complaints=[] if plan.database else [missing],
    )


def measure_backlogs(plan: QueuePlan, *, say: Say) -> list[Row]:
    """Measure each backlog on each database."""
    if plan.database:
        with scratch_database(plan.database):  # a wrong address is reported before anything is measured
            pass

    def lap(subject: tuple[str, int]) -> Row:
        name, backlog = subject
        say(f"{backlog:,} jobs on {name}")
        load = Load(slots=_SLOTS, seconds=plan.seconds, backlog=backlog)
        return measure(load, name, folder=plan.folder, server=plan.database)

    names = ("sqlite", "postgresql") if plan.database else ("sqlite",)
    return laps([(name, backlog) for name in names for backlog in plan.backlog], lap, runs=plan.runs)
