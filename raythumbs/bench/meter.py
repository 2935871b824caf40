"""What a program takes of the machine: the CPU time and the memory of all its processes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "_RAYTHUMBS_BENCH"  # the variable that every process of a program has in its environment
_LOOK_SECONDS = 0.2
_LOOKS_A_WEIGHING = 10  # to add up its pages costs the service 30 ms of CPU, which the photos could use


@dataclass(frozen=True, slots=True)
class Usage:
    """What was taken in these seconds.

    Memory is PSS: a page that several processes share counts once. It is weighed at the begin, at the end, and every
    two seconds.
    """

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int


@dataclass(slots=True)
class _Taken:
    """A process's CPU seconds so far, its own and those of children it has buried; `*_before` were taken earlier."""

    parent: int
    own_before: float
    buried_before: float
    own: float = 0.0
    buried: float = 0.0


class Meter:
    """Looks at the processes of a family."""

    def __init__(self, family: "Family") -> None:
        self._family = family
        self._running: set[psutil.Process] = set()
        self._taken: dict[psutil.Process, _Taken] = {}
        self._peak_memory_bytes = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_on, name="meter", daemon=True)
        self._weigh()
        self._look(is_first=True)
        self._began = self._ended = time.monotonic()

    def begin(self) -> None:
        """Look again and again, in a thread."""
        self._watch.start()

    def end(self) -> None:
        """Look a last time."""
        self._ended = time.monotonic()
        self._over.set()
        self._watch.join()
        self._look()
        self._weigh()

    def usage(self) -> Usage:
        """Return what was taken, after the end."""
        return Usage(self._ended - self._began, self._cpu_seconds(), self._peak_memory_bytes)

    def _look_on(self) -> None:
        looks = 0
        while not self._over.wait(_LOOK_SECONDS):
            self._look()
            looks += 1
            if looks % _LOOKS_A_WEIGHING == 0:
                self._weigh()

    def _look(self, *, is_first: bool = False) -> None:
        self._running = set(self._family.members())
        for process in self._running:
            with suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                own, buried = times.user + times.system, times.children_user + times.children_system
                if process not in self._taken:  # one that comes later began at nothing
                    self._taken[process] = _Taken(process.ppid(), own * is_first, buried * is_first)
                taken = self._taken[process]
                taken.own, taken.buried = own, buried

    def _weigh(self) -> None:
        self._peak_memory_bytes = max(self._peak_memory_bytes, self._family.memory_bytes())

    def _cpu_seconds(self) -> float:
        """Add up what each process took that was seen, and what was taken between two looks and then buried.

        A parent buries with a child all that the child took; but what was seen of it is counted already. (Not every
        parent counts its dead: one that ignores SIGCHLD does not, says times(2), so its count alone would not do.)
        """
        seen_of_dead: dict[int, float] = {}
        for process, taken in self._taken.items():
            if process not in self._running:
                seen_of_dead[taken.parent] = seen_of_dead.get(taken.parent, 0.0) + taken.own + taken.buried
        return sum(
            taken.own
            - taken.own_before
            + max(0.0, taken.buried - taken.buried_before - seen_of_dead.get(process.pid, 0.0))
            for process, taken in self._taken.items()
        )


class Family:
    """The processes that were started with a mark in their environment, and their children.

    By the environment are found those whose parent has ended, by the parent those that wrote their title over their
    environment, as Ray's workers do. Of those that did both, it knows whom it has met before.
    """

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self._is_ours: dict[psutil.Process, bool] = {}

    def members(self) -> list[psutil.Process]:
        """Return those that run now."""
        running = list(psutil.process_iter())
        ours = {process.pid for process in running if self._is_ours.get(process)}
        for process in running:
            if process not in self._is_ours:
                self._is_ours[process] = self._is_marked(process) or _parent(process) in ours
            if self._is_ours[process]:
                ours.add(process.pid)
        return [process for process in running if process.pid in ours]

    def memory_bytes(self) -> int:
        """Return what they have of the machine's memory now: their PSS."""
        weight = 0
        for process in self.members():
            with suppress(psutil.Error):
                weight += int(process.memory_full_info().pss)
        return weight

    def kill(self) -> None:
        """End those that run still."""
        for process in self.members():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def _is_marked(self, process: psutil.Process) -> bool:
        marked = f"{MARK}={self.mark}\0".encode()
        try:
            return marked in Path(f"/proc/{process.pid}/environ").read_bytes()
        except OSError:  # it has ended, or is somebody else's
            return False


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return 0


@contextmanager
def metered(family: Family) -> Iterator[Meter]:
    """Look at the processes while the context lasts; then the meter tells their usage."""
    meter = Meter(family)
    meter.begin()
    try:
        yield meter
    finally:
        meter.end()
