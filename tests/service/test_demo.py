"""`raythumbs demo`, as a process: with photos that it draws, and with those of a folder."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.service.conftest import ONE_SLOT, eventually, finished, opened, raythumbs

pytestmark = pytest.mark.needs("time")


@pytest.fixture
def demonstrated(family, monkeypatch, tmp_path):
    """Start a demo whose folder is below tmp_path. It is killed if the test ends before it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with ExitStack() as stack:

        def started(*arguments: object) -> "subprocess.Popen[str]":
            process = raythumbs("demo", "--json", *arguments, environment=family.environment | ONE_SLOT)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


def test_a_demo_draws_photos_and_leaves_nothing_but_their_thumbnails(demonstrated, family, tmp_path):
    status, said, complained = finished(demonstrated("--photos", 4, "--size-mb", 0.1))

    told = json.loads(said)
    assert (status, told["accepted"], told["succeeded"], told["failed"]) == (0, 4, 4, 0), complained
    assert set(told) == {
        "accepted", "succeeded", "failed", "seconds", "photos_per_second", "sequential_photos_per_second", "speedup",
        "cpu_percent", "workers", "thumbnails_dir", "note",
    }  # fmt: skip
    thumbnails = list(Path(told["thumbnails_dir"]).rglob("*.jpg"))
    assert len(thumbnails) == 4
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(thumbnails)
    assert all(max(opened(thumbnail.read_bytes()).size) == 300 for thumbnail in thumbnails)
    assert not family.members()


def test_a_demo_of_ones_own_pictures_survives_the_death_of_the_queue_in_its_middle_and_tells_of_the_bad_ones(
    demonstrated, family, photographs, tmp_path
):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(7):  # a second of work, in which the queue can be killed
        (pictures / f"{number}.jpg").hardlink_to(photographs["cat"])
    (pictures / "words.jpg").write_text("not a photo")
    (pictures / "empty.jpg").touch()

    process = demonstrated("--pictures", pictures)
    eventually(lambda: family.members("ray::ThumbnailQueue"), seconds=120)
    (queue,) = family.members("ray::ThumbnailQueue")
    eventually(lambda: any(tmp_path.rglob("store/thumbnails/*/*/thumbnail.jpg")), seconds=120)
    queue.kill()
    made = len(list(tmp_path.rglob("store/thumbnails/*/*/thumbnail.jpg")))
    status, said, complained = finished(process)

    told = json.loads(said)
    assert status == 1, complained
    assert made < 7  # else it was killed in vain
    assert (told["accepted"], told["succeeded"], told["failed"]) == (8, 7, 2)
    assert len(list(Path(told["thumbnails_dir"]).rglob("*.jpg"))) == 7
    assert (pictures / "words.jpg").exists()
    assert not family.members()
