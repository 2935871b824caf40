"""Host load: what a worker sees of its machine: the cores that other programs use, and the free memory."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

_EVERY_SECONDS = 2.0  # to look at every process costs milliseconds
_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True, slots=True)
class HostLoad:
    """Cores that other programs keep busy, and bytes of memory that are available."""

    others_cpus: float
    available_bytes: int


class HostWatch:
    """Looks every two seconds. `ours` is the process whose tree is raythumbs' own: a worker's parent, Ray's raylet."""

    def __init__(self, ours: int | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ours = ours or os.getppid()
        self._clock = clock
        self._before = self._read()
        self._seen: HostLoad | None = None

    def look(self) -> HostLoad | None:
        """Return the last measurement, or None before the first one."""
        if self._clock() - self._before[0] >= _EVERY_SECONDS:
            (at, busy, ours), self._before = self._before, self._read()
            now_at, now_busy, now_ours = self._before
            others = (now_busy - busy) - max(0.0, now_ours - ours)  # a process that ended takes its past with it
            self._seen = HostLoad(max(0.0, others / (now_at - at)), int(psutil.virtual_memory().available))
        return self._seen

    def _read(self) -> tuple[float, float, float]:
        """Return the time, the CPU seconds of all processes so far, and those of raythumbs."""
        machine = psutil.cpu_times()
        return self._clock(), sum(getattr(machine, name, 0.0) for name in _BUSY), _tree_seconds(self._ours)


def _tree_seconds(root: int) -> float:
    seconds = 0.0
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(root)
        for process in (top, *top.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                used = process.cpu_times()
                seconds += used.user + used.system + used.children_user + used.children_system
    return seconds
