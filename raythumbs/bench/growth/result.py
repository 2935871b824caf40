"""What is asked of a growth run, and what came of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from raythumbs.bench.queue import Row as BacklogRow

PHOTOS = (100, 1_000, 20_000)
SLOTS = (1, 2, 4, 8, 16, 32, 64)
BACKLOGS = (0, 1_000, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPlan:
    """How many photos in one go, and how large; how many slots; how many jobs wait.

    Slots that this machine has cores for are real, and render photos of `slot_photo_mb`, so many each; the others are
    simulated for some seconds. The SQLite files of what is simulated are put into `folder`.
    """

    photos: Sequence[int] = PHOTOS
    size_mb: float = 0.1
    slots: Sequence[int] = SLOTS
    slot_photo_mb: float = 5
    photos_a_slot: int = 300
    simulated_seconds: float = 5
    backlogs: Sequence[int] = BACKLOGS
    jobs: int = 20_000
    runs: int = 1
    folder: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotosRow:
    """So many photos through the whole service, from the first submission to the last address in the database.

    CPU and memory are those of all its processes; memory is PSS in MB (10^6), and it has grown by what there is more of
    it some seconds after the photos than there was before them.
    """

    photos: int
    seconds: float
    photos_per_second: float
    cpu_ms_per_photo: float
    begin_memory_mb: float
    peak_memory_mb: float
    end_memory_mb: float
    growth_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsRow:
    """How much of their time slots are busy: photos per second, of what the slots could do, a photo at a time.

    `seconds_per_photo` of a real slot is what a core takes that does nothing but render, when as many do (see
    throughput/limit.py); of a simulated one it is what each photo takes. The actor's CPU is in percent of a core; to
    simulate is part of it.
    """

    slots: int
    how: str
    seconds_per_photo: float
    photos_per_second: float
    busy_percent: float
    actor_cpu_percent: float
    actor_cpu_ms_per_photo: float

    @property
    def photos_per_second_and_slot(self) -> float:
        """What a slot does."""
        return self.photos_per_second / self.slots


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthResult:
    """Every row. `backlog` is what `bench queue` tells."""

    photos: tuple[PhotosRow, ...]
    slots: tuple[SlotsRow, ...]
    backlog: tuple[BacklogRow, ...]

    @property
    def one_queue_feeds_cores(self) -> float | None:
        """How many cores like this machine's it takes to ask more of one queue than it can do: its slowest row, by what
        a core renders in the service. None where either was not measured."""
        real = [row for row in self.slots if row.how == "real"]
        if not real or not self.backlog:
            return None
        slowest = min(row.jobs_per_second for row in self.backlog)
        return round(slowest / max(real, key=lambda row: row.slots).photos_per_second_and_slot, 1)

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self) | {"one_queue_feeds_cores": self.one_queue_feeds_cores}

    def as_tables(self) -> Group:
        """Return the result for people."""
        return Group(self._photos_table(), self._slots_table(), self._backlog_table())

    def _photos_table(self) -> Table:
        table = Table("photos", "seconds", "photos/s", "CPU ms/photo", "MB before", "at most", "after", "grown")
        table.title = "with the photos"
        for row in self.photos:
            table.add_row(
                f"{row.photos:,}",
                f"{row.seconds:.1f}",
                f"{row.photos_per_second:.1f}",
                f"{row.cpu_ms_per_photo:.1f}",
                f"{row.begin_memory_mb:.0f}",
                f"{row.peak_memory_mb:.0f}",
                f"{row.end_memory_mb:.0f}",
                f"{row.growth_mb:+.0f}",
            )
        return table

    def _slots_table(self) -> Table:
        table = Table("slots", "", "ms/photo", "photos/s", "busy", "actor's CPU", "ms/photo", title="with the slots")
        for row in self.slots:
            table.add_row(
                str(row.slots),
                row.how,
                f"{row.seconds_per_photo * 1000:.1f}",
                f"{row.photos_per_second:,.1f}",
                f"{row.busy_percent:.1f} %",
                f"{row.actor_cpu_percent:.1f} %",
                f"{row.actor_cpu_ms_per_photo:.2f}",
            )
        return table

    def _backlog_table(self) -> Table:
        table = Table("backlog", "jobs/s", "actor's CPU ms/job", "MB", title="with the backlog")
        for row in self.backlog:
            table.add_row(
                f"{row.backlog:,}",
                f"{row.jobs_per_second:,.0f}",
                f"{row.actor_cpu_ms_per_job:.2f}",
                f"{row.actor_rss_mb:.0f}",
            )
        if self.one_queue_feeds_cores is not None:
            table.caption = f"one queue feeds {self.one_queue_feeds_cores:.0f} cores"
        return table
