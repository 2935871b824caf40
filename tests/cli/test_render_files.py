"""`raythumbs render`: the command itself, on real files."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from raythumbs.cli.main import main
from raythumbs.imaging import Fit, Format, RenditionSpec
from raythumbs.manual import read_page
from tests.imaging.pictures import RED, four_corners, mean_error, near, opened, photograph, saved, thumbnail

RENDER = [str(Path(sysconfig.get_path("scripts")) / "raythumbs"), "render"]
PHOTO = saved(photograph("temple"), "JPEG")


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


def lines_of(told: str, status: object) -> list[dict[str, Any]]:
    """What the command tells as JSON, a line for each picture."""
    lines = [json.loads(line) for line in told.splitlines()]
    assert status == int(any(line["state"] == "failed" for line in lines))
    return lines


@pytest.fixture
def rendered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[dict[str, Any]]]:
    """Run the command in this process, as its own takes half a second to start; return what it tells."""

    def render(*arguments: object, **environment: str) -> list[dict[str, Any]]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["raythumbs", "render", *map(str, arguments), "--json"])
        with pytest.raises(SystemExit) as end:
            main()
        return lines_of(capsys.readouterr().out, end.value.code or 0)

    return render


def test_every_picture_has_a_thumbnail_named_after_it(photos, tmp_path):
    paths = photos(a_jpg=PHOTO, b_png=saved(four_corners(), "PNG"))

    done = run(*paths, "--out", tmp_path / "made" / "here")

    assert (done.returncode, done.stderr) == (0, "")
    assert "b.jpg  120x80" in done.stdout
    assert sorted(path.name for path in (tmp_path / "made" / "here").iterdir()) == ["a.jpg", "b.jpg"]
    made = Image.open(tmp_path / "made" / "here" / "a.jpg")
    assert mean_error(made, thumbnail(PHOTO, format=Format.JPEG)) == 0


def test_the_options_are_those_of_a_spec(photos, rendered, tmp_path):
    picture = Image.new("RGB", (300, 100), "white")
    picture.paste(RED, (0, 0, 100, 100))
    [path] = photos(a_png=saved(picture, "PNG"))

    options = [
        "--jobs",
        1,
        "--size",
        "400x200",
        "--fit",
        "cover",
        "--focus",
        "0",
        "0.5",
        "--format",
        "webp",
        "--enlarge",
    ]
    [line] = rendered(path, "--out", tmp_path, *options, "--quality", "95")

    assert (line["width"], line["height"], line["output"]) == (400, 200, f"{tmp_path}/a.webp")
    made = opened((tmp_path / "a.webp").read_bytes())
    assert (made.format, made.size) == ("WEBP", (400, 200))
    assert near(made.getpixel((100, 100)), RED, within=8)


@dataclass
class Told:
    """What two runs over the same files tell: one as JSON, by the name of the file, and one to a person."""

    lines: dict[str, dict[str, Any]]
    order: list[str]
    to_a_person: str
    made: list[str]


NO_TEXT = os.fsdecode(b"\xff.jpg")
FILES = {
    "good.jpg": PHOTO, "bad.jpg": b"cat", "half.jpg": PHOTO[:20_000], "missing.jpg": None, "folder": None,
    "cut.jpg": PHOTO[:-2], NO_TEXT: PHOTO, "last.jpg": PHOTO,
}  # fmt: skip
MADE = ["cut.jpg", "good.jpg", "last.jpg", NO_TEXT]


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Told:
    folder = tmp_path_factory.mktemp("files")
    (folder / "folder").mkdir()
    for name, data in FILES.items():
        if data is not None:
            (folder / name).write_bytes(data)
    sources = [folder / name for name in FILES]
    program = run(*sources, "--out", folder / "out", "--json")
    lines = lines_of(program.stdout, program.returncode)
    person = run(*sources, "--out", folder / "out of a person", "--jobs", 1)
    assert person.returncode == 1
    made = [sorted(path.name for path in (folder / out).iterdir()) for out in ("out", "out of a person")]
    assert made[0] == made[1]
    order = [Path(line["source"]).name for line in lines]
    return Told(dict(zip(order, lines, strict=True)), order, person.stderr, made[0])


def test_a_bad_picture_costs_no_other_and_is_told_with_code_and_reason(told):
    codes = {name: line["code"] for name, line in told.lines.items()}

    assert told.order == list(FILES)
    assert {name: code for name, code in codes.items() if code} == {
        "bad.jpg": "not_an_image", "half.jpg": "truncated", "missing.jpg": "no_such_object", "folder": "no_such_object",
    }  # fmt: skip
    bad = [line for line in told.lines.values() if line["code"]]
    assert all(line["reason"] for line in bad)
    assert "is a folder" in told.lines["folder"]["reason"]
    assert {line["output"] for line in bad} == {None}
    assert told.made == MADE


def test_a_fault_that_is_no_reason_to_refuse_a_picture_is_a_note(told):
    without_end, sound = told.lines["cut.jpg"], told.lines["good.jpg"]

    assert (without_end["state"], without_end["notes"]) == ("succeeded", ["the file ends before its end marker"])
    assert (sound["state"], sound["notes"]) == ("succeeded", [])
    assert f"{without_end['source']}: the file ends before its end marker" in told.to_a_person.splitlines()


def test_a_file_may_have_a_name_that_is_no_text(told):
    assert told.lines[NO_TEXT]["state"] == "succeeded"
    assert NO_TEXT in told.made


def test_a_line_has_the_cpu_time_and_memory_of_its_picture(photos, rendered, tmp_path):
    of_pixels = saved(Image.new("RGB", (5000, 5000)), "TIFF", compression="tiff_deflate")
    small, large = photos(small_png=saved(four_corners(), "PNG"), large_tiff=of_pixels)

    first, second = rendered(small, large, "--out", tmp_path / "out", "--jobs", 1)

    assert set(first) == {
        "source", "state", "code", "reason", "width", "height", "output", "notes", "cpu_ms", "peak_rss_mb",
    }  # fmt: skip
    assert second["cpu_ms"] > 5 * first["cpu_ms"] > 0
    assert second["peak_rss_mb"] > first["peak_rss_mb"] + 80  # of 100 MB of pixels


def test_names_that_are_taken_get_a_number_and_no_source_is_overwritten(photos, rendered, tmp_path):
    one, two, three = photos(a_jpg=PHOTO, b__a_png=saved(four_corners(), "PNG"), a_gif=saved(four_corners(), "GIF"))
    before = one.read_bytes()

    lines = rendered(one, two, three, "--out", tmp_path, "--jobs", 1)
    again = rendered(one, two, three, "--out", tmp_path, "--jobs", 1)

    assert [Path(line["output"]).name for line in lines] == ["a-2.jpg", "a-3.jpg", "a-4.jpg"]
    assert [line["output"] for line in again] == [line["output"] for line in lines]
    assert one.read_bytes() == before


def test_how_many_at_a_time_makes_no_difference(photos, rendered, tmp_path):
    paths = photos(**{f"p{number}_png": saved(four_corners(100 + number, 80), "PNG") for number in range(8)})

    rendered(*paths, "--out", tmp_path / "one", "--jobs", "1")
    lines = rendered(*paths, "--out", tmp_path / "three", "--jobs", "3")

    assert [line["source"] for line in lines] == [str(path) for path in paths]
    for path in paths:
        name = path.with_suffix(".jpg").name
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()


def test_a_picture_that_takes_too_long_is_given_up(photos, rendered, tmp_path, slow):
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


def test_a_picture_beyond_the_memory_limit_is_refused(photos, rendered, tmp_path, slow):
    paths = photos(slow_tiff=slow, good_jpg=PHOTO)

    first, second = rendered(*paths, "--out", tmp_path / "out", "--jobs", 1, RAYTHUMBS_MAX_DECODE_BYTES="100000000")

    assert (first["code"], second["code"]) == ("too_large", None)


def test_where_nothing_can_be_written_that_is_said_and_nothing_is_left(photos, rendered, tmp_path):
    [path] = photos(a_jpg=PHOTO)
    (tmp_path / "out" / "a.jpg").mkdir(parents=True)

    [line] = rendered(path, "--out", tmp_path / "out", "--jobs", 1)
    in_a_file = run(path, "--out", path)

    assert (line["code"], "cannot be written" in line["reason"]) == ("store_unavailable", True)
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["a.jpg"]
    assert (in_a_file.returncode, "cannot be written" in in_a_file.stderr) == (2, True)


@pytest.mark.parametrize(
    "options", [["--size", "0"], ["--size", "3x"], ["--size", "99999"], ["--format", "bmp"], ["--focus", "2", "0"], []]
)
def test_wrong_options_are_told_before_anything_is_done(photos, tmp_path, capsys, monkeypatch, options):
    [path] = photos(a_jpg=PHOTO)
    out = ["--out", str(tmp_path / "out")] if options else []

    monkeypatch.setattr(sys, "argv", ["raythumbs", "render", str(path), *out, *options])
    with pytest.raises(SystemExit) as end:
        main()

    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    assert said.err
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
