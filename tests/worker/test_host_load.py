"""What a worker sees of its node."""

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from raythumbs.worker.host_load import HostWatch

BURN = "import time\nwhile time.process_time() < 30: pass"


@pytest.fixture
def asleep() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def busy() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", BURN]) as process:
        yield psutil.Process(process.pid)
        process.kill()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def seconds_used(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def burn(process: psutil.Process, seconds: float) -> None:
    until = seconds_used(process) + seconds
    while seconds_used(process) < until:
        time.sleep(0.01)


def test_a_program_that_is_not_ours_is_seen_by_the_cores_that_it_keeps_busy(asleep, busy):
    clock = Clock()
    host_watch = HostWatch(asleep, clock=clock)

    burn(busy, seconds=0.4)
    clock.now = 2.0

    seen = host_watch.look()
    assert seen is not None
    assert seen.others_cpus >= 0.19  # of two seconds on this clock
    assert 0 < seen.available_bytes < psutil.virtual_memory().total


def test_what_is_ours_is_not_taken_for_others(asleep, busy):
    clock = Clock()
    ours, others = HostWatch(busy.pid, clock=clock), HostWatch(asleep, clock=clock)

    burn(busy, seconds=0.4)
    clock.now = 2.0

    seen, all_seen = ours.look(), others.look()
    assert seen is not None
    assert all_seen is not None
    assert all_seen.others_cpus - seen.others_cpus >= 0.1  # 0.2, less what a busy machine withholds


def test_it_looks_again_only_after_two_seconds(asleep):
    clock = Clock()
    host_watch = HostWatch(asleep, clock=clock)

    assert host_watch.look() is None
    clock.now = 2.5
    first = host_watch.look()
    clock.now = 4.0
    assert first is not None
    assert host_watch.look() is first
