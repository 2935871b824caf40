"""Admission: whether the service may take more work, by its backlog, disks and memory."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

import psutil

from raythumbs.db.jobs import Jobs
from raythumbs.db.record import Record
from raythumbs.errors import Overloaded
from raythumbs.events import emit

_MIB = 1 << 20
_COUNTED_SECONDS = 10  # how old a count may be, while the backlog cannot be over its limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most jobs that may wait; the fewest bytes that must be free, on each disk of the service and of memory."""

    max_backlog: int
    min_free_disk_bytes: int
    min_free_memory_bytes: int


class Admission:
    """Measures in each iteration; `check` answers from the last measurement."""

    def __init__(
        self, record: Record, bounds: Bounds, *, folders: Sequence[Path], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._record = record
        self._bounds = bounds
        self._folders = folders
        self._refusal: Overloaded | None = None
        self._clock = clock
        self._counted_at = -math.inf
        self._most_waiting = 0

    async def run_once(self) -> None:
        """Measure the backlog, the disks and the memory."""
        before, self._refusal = self._refusal, await self._measured()
        if _reason(self._refusal) != _reason(before):
            emit("pressure.changed", refusal=_reason(self._refusal))

    def check(self) -> None:
        """Return if more work may be taken, else raise Overloaded."""
        if refusal := self._refusal:
            raise Overloaded(refusal.reason, refusal.public_reason)

    def took(self, jobs: int) -> None:
        """Raise the backlog's upper bound by `jobs`."""
        self._most_waiting += jobs

    async def _is_over(self, max_backlog: int) -> bool:
        """Return whether the backlog is over its limit. Count it only when it could be, because counting is slow."""
        now, before = self._clock(), self._most_waiting
        if before > max_backlog or now >= self._counted_at + _COUNTED_SECONDS:
            counted = await self._record.read(lambda db: Jobs(db).backlog(limit=max_backlog + 1))
            self._most_waiting += counted - before  # what was added in the meantime stays added
            self._counted_at = now
        return self._most_waiting > max_backlog

    async def _measured(self) -> Overloaded | None:
        bounds = self._bounds
        if await self._is_over(bounds.max_backlog):
            return Overloaded(f"more than {bounds.max_backlog} photos wait; try again when some are done")
        for folder in self._folders:
            free = await asyncio.to_thread(free_bytes, folder)
            if free < bounds.min_free_disk_bytes:
                lack = _lack(free, bounds.min_free_disk_bytes, "disk space")
                return Overloaded(f"{folder} {lack}", f"a disk of the service {lack}")
        free = await asyncio.to_thread(_free_memory_bytes)
        if free < bounds.min_free_memory_bytes:
            return Overloaded(f"the machine {_lack(free, bounds.min_free_memory_bytes, 'memory')}")
        return None


def _reason(refusal: Overloaded | None) -> str | None:
    return refusal.reason if refusal else None


def _lack(free_bytes: int, least_bytes: int, what: str) -> str:
    return f"has {free_bytes / _MIB:,.1f} MiB of {what} free; uploads need {least_bytes / _MIB:,.1f} MiB to be free"


def free_bytes(folder: Path) -> int:
    """Return the free bytes on the disk of a folder, which need not be there yet."""
    while not folder.exists():  # it is made when it is first written to
        folder = folder.parent
    return disk_usage(folder).free


def _free_memory_bytes() -> int:
    return int(psutil.virtual_memory().available)
