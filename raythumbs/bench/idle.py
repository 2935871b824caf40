"""What an idle service costs: memory, CPU, and the time until it is ready."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import psutil

from raythumbs.bench.local_service import Start, orderly_end, scratch_service
from raythumbs.bench.plans import IdlePlan
from raythumbs.bench.report import Report, Say, table

_SETTLING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One process of the service, or all. MB are 10^6 bytes. In `pss_mb` each process has its share of what several
    processes use together."""

    process: Annotated[str, "process"]
    pss_mb: Annotated[float, "PSS MB", "{:,.0f}"]
    rss_mb: Annotated[float, "RSS MB", "{:,.0f}"]
    cpu_percent_of_a_core: Annotated[float, "CPU % of a core", "{:.1f}"]


def run(plan: IdlePlan, *, say: Say, start: Start = scratch_service) -> Report:
    """Start a service on its defaults in a folder that is removed, wait until it is at rest, and watch it."""
    with orderly_end(), start({}) as service:
        say("watching an idle service")
        time.sleep(_SETTLING_SECONDS)
        rows = sorted(_watched(service.family.members(), plan.seconds), key=lambda row: -row.pss_mb)
    total = Row(
        process="all",
        pss_mb=sum(row.pss_mb for row in rows),
        rss_mb=sum(row.rss_mb for row in rows),
        cpu_percent_of_a_core=sum(row.cpu_percent_of_a_core for row in rows),
    )
    caption = f"first answer after {service.ready_seconds:.1f} s"
    figures = {
        "first_answer_seconds": service.ready_seconds,
        "pss_mb": total.pss_mb,
        "rss_mb": total.rss_mb,
        "cpu_percent_of_a_core": total.cpu_percent_of_a_core,
        "processes": rows,
    }
    return Report(figures=figures, tables=[table("raythumbs bench idle", Row, rows, [total], caption=caption)])


def _watched(processes: Sequence[psutil.Process], seconds: float) -> Iterator[Row]:
    for process in processes:
        process.cpu_percent()  # starts the measurement
    time.sleep(seconds)
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            memory = process.memory_full_info()
            yield Row(
                process=_name(process),
                pss_mb=memory.pss / 1e6,
                rss_mb=memory.rss / 1e6,
                cpu_percent_of_a_core=process.cpu_percent(),
            )


def _name(process: psutil.Process) -> str:
    """Return a process's title (Ray's processes overwrite their command line), module or program."""
    command = process.cmdline()
    module = next((word for word in command[1:] if re.fullmatch(r"raythumbs(\.[a-z_.]+)?", word)), None)
    return command[0].strip() if command and command[0].startswith("ray::") else module or process.name()
