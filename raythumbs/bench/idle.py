"""What a service costs that has nothing to do: memory, CPU, and how long it takes to come up."""

import re
import secrets
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from raythumbs.bench.local_service import await_workers, local_service, orderly_end
from raythumbs.bench.meter import MARK, Family

_SETTLING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One process of the service; MB are 10^6 bytes. What processes share counts in `pss_mb` by their number."""

    process: str
    pss_mb: float
    rss_mb: float
    cpu_percent_of_a_core: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleResult:
    """Sums over all processes of a service, and each of them; the first answer is that of /readyz."""

    first_answer_seconds: float
    pss_mb: float
    rss_mb: float
    cpu_percent_of_a_core: float
    processes: tuple[Share, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self)

    def as_table(self) -> Table:
        """Return the result for people."""
        table = Table("process", "PSS MB", "RSS MB", "CPU % of a core", title="raythumbs bench idle")
        for one in self.processes:
            table.add_row(one.process, f"{one.pss_mb:.0f}", f"{one.rss_mb:.0f}", f"{one.cpu_percent_of_a_core:.1f}")
        table.add_section()
        table.add_row("all", f"{self.pss_mb:,.0f}", f"{self.rss_mb:,.0f}", f"{self.cpu_percent_of_a_core:.1f}")
        table.caption = f"first answer after {self.first_answer_seconds:.1f} s"
        return table


def run_idle(*, seconds: float) -> IdleResult:
    """Start a service on its defaults in a folder that is removed, let it come to rest, and watch it for so long."""
    with orderly_end(), tempfile.TemporaryDirectory(prefix="raythumbs-idle-") as folder:
        environment = {
            "RAYTHUMBS_STORE": f"file://{folder}/store",
            "RAYTHUMBS_DATABASE": f"sqlite:///{folder}/raythumbs.db",
            MARK: (mark := secrets.token_hex(8)),  # by which its processes are known from others that we have started
        }
        began = time.monotonic()
        with local_service(Path(folder), environment=environment) as client:
            first_answer_seconds = time.monotonic() - began
            await_workers(client)
            time.sleep(_SETTLING_SECONDS)
            shares = _watched(Family(mark).members(), seconds)
    return IdleResult(
        first_answer_seconds=round(first_answer_seconds, 1),
        pss_mb=round(sum(one.pss_mb for one in shares), 1),
        rss_mb=round(sum(one.rss_mb for one in shares), 1),
        cpu_percent_of_a_core=round(sum(one.cpu_percent_of_a_core for one in shares), 1),
        processes=tuple(sorted(shares, key=lambda one: -one.pss_mb)),
    )


def _watched(processes: Sequence[psutil.Process], seconds: float) -> list[Share]:
    for process in processes:
        process.cpu_percent()  # from here on it counts
    time.sleep(seconds)
    shares = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            shares.append(_share(process))
    return shares


def _share(process: psutil.Process) -> Share:
    memory = process.memory_full_info()
    return Share(
        process=_title(process),
        pss_mb=round(memory.pss / 1e6, 1),
        rss_mb=round(memory.rss / 1e6, 1),
        cpu_percent_of_a_core=round(process.cpu_percent(), 2),
    )


def _title(process: psutil.Process) -> str:
    """Return what it calls itself: Ray's processes overwrite their command line."""
    command = process.cmdline()
    called = next((one for one in command[1:] if re.fullmatch(r"raythumbs(\.[a-z_.]+)?", one)), None)
    return command[0].strip() if command and command[0].startswith("ray::") else called or process.name()
