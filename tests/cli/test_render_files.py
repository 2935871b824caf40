"""`raythumbs render`: the command itself, on real files."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from raythumbs.imaging import Fit, Format, RenditionSpec
from raythumbs.manual import read_page
from tests.imaging.pictures import RED, four_corners, mean_error, near, opened, photograph, saved, thumbnail

RENDER = [str(Path(sysconfig.get_path("scripts")) / "raythumbs"), "render"]
PHOTO = saved(photograph("sklearn/china.jpg"), "JPEG")


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., list[Path]]:
    """Write files below a folder; return their paths."""

    def write(**files: bytes) -> list[Path]:
        paths = [tmp_path / name.replace("__", "/").replace("_", ".") for name in files]
        for path, data in zip(paths, files.values(), strict=True):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        return paths

    return write


@pytest.fixture(scope="module")
def slow() -> bytes:
    """A photo that is small as a file, and takes seconds and much memory to decode."""
    return saved(Image.new("RGB", (12_000, 12_000)), "TIFF", compression="tiff_deflate")


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RENDER, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def rendered(*arguments: object, **environment: str) -> list[dict[str, Any]]:
    """What the command tells as JSON, a line for each picture."""
    done = run(*arguments, "--json", **environment)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == int(any(line["state"] == "failed" for line in lines)), done.stderr
    return lines


def test_every_picture_has_a_thumbnail_named_after_it(photos, tmp_path):
    paths = photos(a_jpg=PHOTO, b_png=saved(four_corners(), "PNG"))

    done = run(*paths, "--out", tmp_path / "made" / "here")

    assert (done.returncode, done.stderr) == (0, "")
    assert "b.jpg  120x80" in done.stdout
    assert sorted(path.name for path in (tmp_path / "made" / "here").iterdir()) == ["a.jpg", "b.jpg"]
    made = Image.open(tmp_path / "made" / "here" / "a.jpg")
    assert mean_error(made, thumbnail(PHOTO, format=Format.JPEG)) == 0


def test_the_options_are_those_of_a_spec(photos, tmp_path):
    picture = Image.new("RGB", (300, 100), "white")
    picture.paste(RED, (0, 0, 100, 100))
    [path] = photos(a_png=saved(picture, "PNG"))

    options = ["--size", "400x200", "--fit", "cover", "--focus", "0", "0.5", "--format", "webp", "--enlarge"]
    [line] = rendered(path, "--out", tmp_path, *options, "--quality", "95")

    assert (line["width"], line["height"], line["output"]) == (400, 200, f"{tmp_path}/a.webp")
    made = opened((tmp_path / "a.webp").read_bytes())
    assert (made.format, made.size) == ("WEBP", (400, 200))
    assert near(made.getpixel((100, 100)), RED, within=8)


def test_a_bad_picture_costs_no_other_and_is_told_with_code_and_reason(photos, tmp_path):
    good, bad, half, last = photos(good_jpg=PHOTO, bad_jpg=b"cat", half_jpg=PHOTO[:20_000], last_jpg=PHOTO)
    out = tmp_path / "out"

    lines = rendered(good, bad, half, tmp_path / "missing.jpg", tmp_path, last, "--out", out)

    assert [line["source"] for line in lines] == [
        str(path) for path in (good, bad, half, tmp_path / "missing.jpg", tmp_path, last)
    ]
    assert [line["code"] for line in lines] == [
        None, "not_an_image", "truncated", "no_such_object", "no_such_object", None,
    ]  # fmt: skip
    assert all(line["reason"] for line in lines if line["code"])
    assert "is a folder" in lines[4]["reason"]
    assert {line["output"] for line in lines if line["code"]} == {None}
    assert sorted(path.name for path in out.iterdir()) == ["good.jpg", "last.jpg"]


def test_a_line_has_the_cpu_time_and_memory_of_its_picture(photos, tmp_path):
    of_pixels = saved(Image.new("RGB", (5000, 5000)), "TIFF", compression="tiff_deflate")
    small, large = photos(small_png=saved(four_corners(), "PNG"), large_tiff=of_pixels)

    first, second = rendered(small, large, "--out", tmp_path / "out", "--jobs", 1)

    assert set(first) == {
        "source", "state", "code", "reason", "width", "height", "output", "notes", "cpu_ms", "peak_rss_mb",
    }  # fmt: skip
    assert second["cpu_ms"] > 5 * first["cpu_ms"] > 0
    assert second["peak_rss_mb"] > first["peak_rss_mb"] + 80  # of 100 MB of pixels


def test_a_fault_that_is_no_reason_to_refuse_a_picture_is_a_note(photos, tmp_path):
    without_end, sound = photos(cut_jpg=PHOTO[:-2], whole_jpg=PHOTO)

    first, second = rendered(without_end, sound, "--out", tmp_path / "out")
    read_by_a_person = run(without_end, "--out", tmp_path / "out")

    assert (first["state"], first["notes"]) == ("succeeded", ["the file ends before its end marker"])
    assert (second["state"], second["notes"]) == ("succeeded", [])
    assert read_by_a_person.stderr == f"{without_end}: the file ends before its end marker\n"


def test_names_that_are_taken_get_a_number_and_no_source_is_overwritten(photos, tmp_path):
    one, two, three = photos(a_jpg=PHOTO, b__a_png=saved(four_corners(), "PNG"), a_gif=saved(four_corners(), "GIF"))
    before = one.read_bytes()

    lines = rendered(one, two, three, "--out", tmp_path)
    again = rendered(one, two, three, "--out", tmp_path)

    assert [Path(line["output"]).name for line in lines] == ["a-2.jpg", "a-3.jpg", "a-4.jpg"]
    assert [line["output"] for line in again] == [line["output"] for line in lines]
    assert one.read_bytes() == before


def test_how_many_at_a_time_makes_no_difference(photos, tmp_path):
    paths = photos(**{f"p{number}_png": saved(four_corners(100 + number, 80), "PNG") for number in range(12)})

    rendered(*paths, "--out", tmp_path / "one", "--jobs", "1")
    lines = rendered(*paths, "--out", tmp_path / "four", "--jobs", "4")

    assert [line["source"] for line in lines] == [str(path) for path in paths]
    for path in paths:
        name = path.with_suffix(".jpg").name
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "four" / name).read_bytes()


def test_a_picture_that_takes_too_long_is_given_up(photos, tmp_path, slow):
    paths = photos(slow_tiff=slow, good_jpg=PHOTO)

    first, second = rendered(*paths, "--out", tmp_path / "out", "--jobs", 1, RAYTHUMBS_JOB_TIMEOUT_SECONDS="0.3")

    assert (first["state"], first["code"], second["state"]) == ("failed", "timeout", "succeeded")


def test_a_decoder_that_dies_costs_its_picture_alone(photos, tmp_path, slow):
    paths = photos(slow_tiff=slow, good_jpg=PHOTO)
    command = [*RENDER, *map(str, paths), "--out", str(tmp_path / "out"), "--jobs", "1", "--json"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        decoder = busy_child(running.pid)
        decoder.kill()
        said, _ = running.communicate(timeout=60)

    first, second = map(json.loads, said.splitlines())
    assert (first["state"], first["code"], first["peak_rss_mb"]) == ("failed", "crash", None)
    assert second["state"] == "succeeded"
    assert running.returncode == 1


def busy_child(pid: int) -> psutil.Process:
    """The process that decodes, once it is at it."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for child in psutil.Process(pid).children():
            if child.memory_info().rss > 150 << 20:  # the pixels are there
                return child
    raise AssertionError("nothing is decoded")


def test_a_picture_beyond_the_memory_limit_is_refused(photos, tmp_path, slow):
    paths = photos(slow_tiff=slow, good_jpg=PHOTO)

    first, second = rendered(*paths, "--out", tmp_path / "out", RAYTHUMBS_MAX_DECODE_BYTES="100000000")

    assert (first["code"], second["code"]) == ("too_large", None)


def test_where_nothing_can_be_written_that_is_said_and_nothing_is_left(photos, tmp_path):
    [path] = photos(a_jpg=PHOTO)
    (tmp_path / "out" / "a.jpg").mkdir(parents=True)

    [line] = rendered(path, "--out", tmp_path / "out")
    in_a_file = run(path, "--out", path)

    assert (line["code"], "cannot be written" in line["reason"]) == ("store_unavailable", True)
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["a.jpg"]
    assert (in_a_file.returncode, "cannot be written" in in_a_file.stderr) == (2, True)


def test_a_file_may_have_a_name_that_is_no_text(tmp_path):
    name = os.fsdecode(b"\xff.jpg")
    (tmp_path / name).write_bytes(PHOTO)

    done = run(tmp_path / name, "--out", tmp_path / "out")
    [line] = rendered(tmp_path / name, "--out", tmp_path / "out")

    assert (done.returncode, line["state"]) == (0, "succeeded")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


@pytest.mark.parametrize(
    "options", [["--size", "0"], ["--size", "3x"], ["--size", "99999"], ["--format", "bmp"], ["--focus", "2", "0"], []]
)
def test_wrong_options_are_told_before_anything_is_done(photos, tmp_path, options):
    [path] = photos(a_jpg=PHOTO)
    out = ["--out", str(tmp_path / "out")] if options else []

    done = run(path, *out, *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert not (tmp_path / "out").exists()


def test_it_starts_without_ray_and_without_a_database():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, raythumbs.cli, raythumbs.cli.render_files; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip

    assert {"ray", "sqlalchemy", "alembic", "numpy", "boto3"} & set(loaded) == set()


def test_the_manuals_example_for_programs_works(tmp_path):
    [example] = re.findall(r"```python\n(from raythumbs.imaging .*?)```", read_page("sizes-and-formats"), re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes(PHOTO)

    subprocess.run([sys.executable, "-c", example], cwd=tmp_path, check=True)

    spec = RenditionSpec(fit=Fit.INSIDE)
    assert opened((tmp_path / "thumbnail.jpg").read_bytes()).size == (spec.width, 200)
