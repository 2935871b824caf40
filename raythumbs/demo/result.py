"""The plan of a demo, and its result."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

_TELLING_SECONDS = 5.0  # a shorter run is mostly start and end


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """How many photos to draw and their approximate size in MB, or a folder of pictures to use instead."""

    photos: int = 100
    size_mb: float = 5
    pictures: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """The figures of a run. `seconds` is from the first byte sent to the last thumbnail's address in the database."""

    accepted: int
    succeeded: int
    failed: int
    seconds: float
    photos_per_second: float
    sequential_photos_per_second: float
    speedup: float
    cpu_percent: float
    workers: int
    thumbnails_dir: str

    @property
    def note(self) -> str | None:
        """Why the figures say little, if the run was too short.

        At the start and the end of a run some cores wait, and the time until the first upload is accepted counts too.
        """
        if self.seconds >= _TELLING_SECONDS or not self.accepted:
            return None
        enough = math.ceil(self.accepted * 2 * _TELLING_SECONDS / self.seconds / 10) * 10
        return f"a run of {self.seconds:.1f} s is mostly start and end, too short to compare: take {enough} photos"

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self) | {"note": self.note}

    def as_table(self) -> Table:
        """Return the result for people."""
        table = Table("", "", show_header=False, title="raythumbs demo")
        table.add_row("accepted", f"{self.accepted} photos")
        table.add_row("succeeded", str(self.succeeded))
        table.add_row("failed", str(self.failed))
        table.add_row("took", f"{self.seconds:.2f} s, upload included")
        table.add_row("photos per second", f"{self.photos_per_second:.1f} with {self.workers} workers")
        table.add_row("one after the other", f"{self.sequential_photos_per_second:.1f} photos per second")
        table.add_row("speed-up", f"{self.speedup:.2f} times")
        if self.note:
            table.add_row("", self.note)
        table.add_row("CPU share used", f"{self.cpu_percent:.0f} %")
        table.add_row("thumbnails", self.thumbnails_dir)
        return table
