import shutil
import subprocess
import threading

import pytest

from raythumbs.cluster.watch import watched


@pytest.fixture
def vital(tmp_path):
    """A child of the name of one that Ray cannot live without."""
    program = tmp_path / "raylet"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        yield process
        process.kill()


def test_the_end_of_a_vital_process_is_told_by_its_name(vital):
    told = []
    heard = threading.Event()

    with watched(lambda name: (told.append(name), heard.set())):
        vital.kill()
        assert heard.wait(10)

    assert told == ["raylet"]


def test_an_end_that_was_meant_is_not_told(vital):
    told = []

    with watched(told.append):
        pass
    vital.kill()

    assert told == []
