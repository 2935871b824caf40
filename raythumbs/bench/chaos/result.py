"""What is asked of a chaos run, and what came of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from raythumbs.bench.chaos.oracle import Verdict
from raythumbs.bench.chaos.recovery import Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosPlan:
    """How many photos come in over how many minutes, with which database, and the seed of all chance."""

    photos: int = 2000
    minutes: float = 5
    database: str = "sqlite"
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosResult:
    """What was done to the service, and what came of it."""

    plan: ChaosPlan
    verdict: Verdict
    kills: dict[str, int]
    faults: dict[str, int]
    answers: dict[str, int]
    starts: int
    repeated_events: int
    late_reports: int
    doors_recovery: Recovery
    work_recovery: Recovery
    exit_status: int | None
    temporary_files: tuple[str, ...]
    orphans: tuple[str, ...]

    @property
    def is_flawless(self) -> bool:
        """Whether nothing was lost, and nothing left behind."""
        verdict = self.verdict
        left = verdict.lost or verdict.wrong or verdict.unfinished or self.temporary_files or self.orphans
        return not left and self.exit_status == 0

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self)

    def as_table(self) -> Table:
        """Return the result for people."""
        table = Table("", "", show_header=False, title=f"raythumbs bench chaos, {self.plan.database}")
        verdict = self.verdict
        table.add_row("acknowledged", f"{verdict.acknowledged} photos over {self.plan.minutes:g} minutes")
        table.add_row("ended as", _listed(verdict.states))
        table.add_row("lost", str(len(verdict.lost)))
        table.add_row("other than in a clean run", str(len(verdict.wrong)))
        table.add_row("killed", _listed(self.kills))
        table.add_row("other faults", _listed(self.faults))
        table.add_row("until a photo is taken again", str(self.doors_recovery))
        table.add_row("until a thumbnail is made again", str(self.work_recovery))
        table.add_row("answers", _listed(self.answers))
        table.add_row("events repeated, without effect", str(self.repeated_events))
        table.add_row("attempts beyond the first", str(verdict.attempts_beyond_first))
        table.add_row("late reports fenced", str(self.late_reports))
        table.add_row("temporary files, orphan processes", f"{len(self.temporary_files)}, {len(self.orphans)}")
        return table


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1])) or "none"
