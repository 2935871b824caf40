import os
import subprocess
import sys

import psutil
import pytest

from raythumbs.engine import folder as room
from raythumbs.engine.folder import owned_folder

OWNER = """
import subprocess, sys, time
from pathlib import Path
from raythumbs.engine import folder as room
room._PLACE = Path(sys.argv[1])
with room.owned_folder() as folder:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=open(folder / "log", "w"))
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "_PLACE", tmp_path)
    return tmp_path


@pytest.fixture
def owner(place):
    with subprocess.Popen([sys.executable, "-c", OWNER, place], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_at_its_end_the_folder_is_gone_and_nothing_runs_in_it(place):
    with owned_folder() as folder:
        log = (folder / "log").open("w")
        left = subprocess.Popen(["sleep", "60"], stdout=log)
        log.close()

    left.wait(10)
    assert not psutil.pid_exists(left.pid)
    assert list(place.iterdir()) == []


def test_the_folder_of_an_owner_who_lives_is_left_alone(place, owner):
    with owned_folder():
        assert len(list(place.iterdir())) == 2

    assert len(list(place.iterdir())) == 1
    assert owner.poll() is None


def test_what_a_killed_owner_left_is_ended_and_removed_by_the_next(place, owner):
    (log,) = place.rglob("log")
    owner.kill()
    owner.wait()

    with owned_folder() as folder:
        assert list(place.iterdir()) == [folder]
        assert not log.exists()


def test_a_pipe_that_somebody_put_there_is_not_waited_for(place):
    os.mkfifo(place / "raythumbs.pipe")

    with owned_folder():
        pass

    assert [path.name for path in place.iterdir()] == ["raythumbs.pipe"]


def test_other_folders_are_not_touched(place):
    (place / "raythumbs-demo-1").mkdir()

    with owned_folder():
        pass

    assert [path.name for path in place.iterdir()] == ["raythumbs-demo-1"]
