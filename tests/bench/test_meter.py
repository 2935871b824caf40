"""What the meter sees of a program's processes."""

import os
import subprocess
import sys
import time

import pytest

from raythumbs.bench.meter import MARK, Family, metered

BURN = "import time\nuntil = time.process_time() + 0.3\nwhile time.process_time() < until: pass"
HOLD = "held = bytearray(64 << 20)"
WAIT = "print('there', flush=True); import sys; sys.stdin.readline()"


def started(mark: str, program: str, **options) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, MARK: mark}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", program], env=environment, **streams, **options)


def parent_of(child: str, *, lingers: bool = False) -> str:
    """A program that waits for a line, lets a child do its work, and waits for a line again."""
    run = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    return f"{WAIT}\n{run}\n{WAIT if lingers else ''}"


def test_cpu_time_of_a_child_that_has_ended_is_counted(tmp_path):
    with started("ended-child", parent_of(BURN, lingers=True)) as parent:
        parent.stdout.readline()
        with metered(Family("ended-child")) as meter:
            parent.stdin.write(b"\n")
            parent.stdin.flush()
            parent.stdout.readline()
        parent.communicate(b"\n")

    assert 0.28 <= meter.usage().cpu_seconds < 0.8  # an interpreter's start is in it


def test_cpu_time_from_before_is_not_counted():
    with started("before", f"{BURN}\n{WAIT}") as program:
        program.stdout.readline()
        with metered(Family("before")) as meter:
            time.sleep(0.05)
        program.communicate(b"\n")

    assert meter.usage().cpu_seconds < 0.1


def test_cpu_time_of_a_process_that_has_ended_unburied_is_counted_as_far_as_it_was_seen():
    orphan = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {BURN + 3 * BURN[11:]!r}])"
    with started("orphan", f"{WAIT}\n{orphan}") as program:
        program.stdout.readline()
        with metered(Family("orphan")) as meter:
            program.communicate(b"\n")
            while Family("orphan").members():
                time.sleep(0.01)

    assert meter.usage().cpu_seconds > 0.2


def test_memory_of_a_child_is_seen():
    with started("memory", parent_of(f"{HOLD}\n{WAIT}")) as parent:
        parent.stdout.readline()
        with metered(Family("memory")) as meter:
            parent.stdin.write(b"\n")
            parent.stdin.flush()
            parent.stdout.readline()
        parent.communicate(b"\n")

    assert 64 << 20 <= meter.usage().peak_memory_bytes < 160 << 20


def test_a_family_is_killed_whole_and_nobody_else_is():
    with started("family", parent_of(WAIT)) as parent, started("strangers", WAIT) as stranger:
        parent.stdout.readline()
        stranger.stdout.readline()
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        parent.stdout.readline()

        Family("family").kill()

        assert parent.wait(5) < 0
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    with pytest.raises(StopIteration):
        next(one for one in Family("family").members() if one.status() != "zombie")
