"""What a program uses of the machine: the CPU time and the memory of all its processes."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "_RAYTHUMBS_BENCH"  # the variable that every process of a program has in its environment
_LOOK_SECONDS = 0.5  # to list all processes costs a core some 15 ms, which the photos could use
_LOOKS_A_WEIGHING = 4  # to add up its pages costs the service 30 ms of CPU, which the photos could use


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used in these seconds.

    Memory is PSS: a page that several processes share counts once. It is measured at the start, at the end, and every
    two seconds.
    """

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int


class Family:
    """The processes that were started with a mark in their environment, and their children.

    The environment finds those whose parent has ended. The parent finds those that wrote their title over their
    environment, as Ray's workers do. A process of both kinds is known only if it was seen before.
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

    def titled(self, text: str) -> list[psutil.Process]:
        """Return those with this text in their title."""
        return [process for process in self.members() if text in title(process)]

    def memory_bytes(self) -> int:
        """Return their memory now (PSS)."""
        memory = 0
        for process in self.members():
            with suppress(psutil.Error):
                memory += int(process.memory_full_info().pss)
        return memory

    def kill(self) -> None:
        """Kill those that still run."""
        for process in self.members():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def _is_marked(self, process: psutil.Process) -> bool:
        marked = f"{MARK}={self.mark}\0".encode()
        try:
            return marked in Path(f"/proc/{process.pid}/environ").read_bytes()
        except OSError:  # it has ended, or belongs to another user
            return False


@dataclass(frozen=True, slots=True)
class _Cpu:
    """The CPU seconds that a process has used, and those that it took over from children that ended."""

    parent: int
    own: float = 0.0
    children: float = 0.0


class Meter:
    """Looks at the processes of a family; see `metered`."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._running: set[psutil.Process] = set()
        self._cpu: dict[psutil.Process, _Cpu] = {}
        self._peak_memory_bytes = family.memory_bytes()
        self._look()
        self._before = dict(self._cpu)
        self._began = self._ended = time.monotonic()

    def watch(self, is_over: threading.Event) -> None:
        """Look again and again until it is over, and a last time then."""
        looks = 0
        while not is_over.wait(_LOOK_SECONDS):
            looks += 1
            self._look(weighs=looks % _LOOKS_A_WEIGHING == 0)
        self._ended = time.monotonic()
        self._look(weighs=True)

    def usage(self) -> Usage:
        """Return what was used, after the end.

        A parent that waits for a child takes over all of the child's CPU time, of which a part was seen and counted.
        (A parent that ignores SIGCHLD takes over nothing, says times(2), so the parents' counts alone are not enough.)
        """
        seen_of_ended: dict[int, float] = {}
        for process, cpu in self._cpu.items():
            if process not in self._running:
                seen_of_ended[cpu.parent] = seen_of_ended.get(cpu.parent, 0.0) + cpu.own + cpu.children
        cpu_seconds = 0.0
        for process, cpu in self._cpu.items():
            before = self._before.get(process, _Cpu(0))  # a process that came later began at nothing
            taken_over = cpu.children - before.children - seen_of_ended.get(process.pid, 0.0)
            cpu_seconds += cpu.own - before.own + max(0.0, taken_over)
        return Usage(self._ended - self._began, cpu_seconds, self._peak_memory_bytes)

    def _look(self, *, weighs: bool = False) -> None:
        self._running = set(self._family.members())
        for process in self._running:
            with suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                parent = self._cpu[process].parent if process in self._cpu else process.ppid()
                own, children = times.user + times.system, times.children_user + times.children_system
                self._cpu[process] = _Cpu(parent, own, children)
        if weighs:
            self._peak_memory_bytes = max(self._peak_memory_bytes, self._family.memory_bytes())


@contextmanager
def metered(family: Family) -> Iterator[Meter]:
    """Measure the processes while the context lasts; afterwards the meter has their usage."""
    meter, is_over = Meter(family), threading.Event()
    watching = threading.Thread(target=meter.watch, args=(is_over,), name="meter", daemon=True)
    watching.start()
    try:
        yield meter
    finally:
        is_over.set()
        watching.join()


def title(process: psutil.Process) -> str:
    """Return a process's command line, which Ray's processes replace by a title; nothing, if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Return the CPU time that these processes have used."""
    seconds = 0.0
    for process in processes:
        with suppress(psutil.Error):
            seconds += sum(process.cpu_times()[:2])  # user and system
    return seconds


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return 0
