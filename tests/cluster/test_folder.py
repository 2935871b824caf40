import os
import subprocess
import sys
import time

import psutil
import pytest

from raythumbs.cluster.folder import owned_folder, refuse_open_to_others
from raythumbs.errors import BadSettings

OWNER = """
import subprocess, sys, time
from pathlib import Path
from raythumbs.cluster.folder import owned_folder
with owned_folder(Path(sys.argv[1])) as folder:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=open(folder / "log", "w"))
    print(folder, flush=True)
    time.sleep(60)
"""


def eventually(met, *, seconds=10):
    until = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def place(tmp_path):
    return tmp_path


@pytest.fixture
def owner(place):
    with subprocess.Popen([sys.executable, "-c", OWNER, place], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_at_its_end_the_folder_is_gone_and_nothing_runs_in_it(place):
    with owned_folder(place) as folder:
        log = (folder / "log").open("w")
        left = subprocess.Popen(["sleep", "60"], stdout=log)
        log.close()

    left.wait(10)
    assert not psutil.pid_exists(left.pid)
    assert list(place.iterdir()) == []


def test_the_folder_of_an_owner_who_lives_is_left_alone(place, owner):
    with owned_folder(place):
        assert len(list(place.iterdir())) == 2

    assert len(list(place.iterdir())) == 1
    assert owner.poll() is None


def test_what_a_killed_owner_left_is_ended_and_removed_by_the_next(place, owner):
    (log,) = place.rglob("log")
    owner.kill()
    owner.wait()

    with owned_folder(place) as folder:
        assert list(place.iterdir()) == [folder]
        assert not log.exists()


def test_the_sweeper_of_a_killed_owner_ends_what_it_left_and_removes_the_folder(place, owner):
    (log,) = place.rglob("log")
    (left,) = [child for child in psutil.Process(owner.pid).children() if "sleep" in " ".join(child.cmdline())]

    owner.kill()
    owner.wait()

    left.wait(10)
    eventually(lambda: not log.parent.exists())


def test_who_looks_at_the_folder_of_a_killed_owner_is_not_swept_away(place, owner):
    (log,) = place.rglob("log")
    looking = os.open(log.parent, os.O_RDONLY)  # as the next start does, to lock it

    owner.kill()
    owner.wait()

    eventually(lambda: not log.parent.exists())
    os.close(looking)


def test_the_folder_is_closed_to_others_and_one_that_is_open_is_refused(place):
    with owned_folder(place) as folder:
        refuse_open_to_others(folder)

        folder.chmod(0o755)
        with pytest.raises(BadSettings, match="open to other users"):
            refuse_open_to_others(folder)


def test_a_pipe_that_somebody_put_there_is_not_waited_for(place):
    os.mkfifo(place / "raythumbs.pipe")

    with owned_folder(place):
        pass

    assert [path.name for path in place.iterdir()] == ["raythumbs.pipe"]


def test_other_folders_are_not_touched(place):
    (place / "raythumbs-demo-1").mkdir()

    with owned_folder(place):
        pass

    assert [path.name for path in place.iterdir()] == ["raythumbs-demo-1"]
