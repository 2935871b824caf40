"""The throughput benchmark, small."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from raythumbs.bench.latency_store import LatencyStore, latency_store, store_folder
from raythumbs.bench.report import cores
from raythumbs.bench.throughput.contest import Contest, Contestant
from raythumbs.bench.throughput.contestants import contestants, program
from raythumbs.bench.throughput.lap import Failure, Row, lap
from raythumbs.bench.throughput.run import report
from raythumbs.errors import BadRequest

HOUSE = Path(__file__).parent.parent.parent
OURS = ("sequential", "process pool", "raythumbs")
CHOSEN = (*OURS[:2], "libvips", OURS[2])

LAZY = """
import json, pathlib, sys
contest = json.loads(input())
print(json.dumps({"version": "1"}), flush=True)
input()
bucket = pathlib.Path(sys.argv[1])
bucket.mkdir()
for key in contest["keys"][:int(sys.argv[2])]:
    (bucket / key).write_bytes(b"a thumbnail")
print(json.dumps({"done": [0.5] * len(contest["keys"])}), flush=True)
"""


@pytest.fixture
def store() -> Iterator[LatencyStore]:
    with store_folder() as folder, latency_store(folder, latency_ms=0) as store:
        for key in ("a.jpg", "b.jpg", "warm-up.jpg"):
            (store.bucket("photos") / key).write_bytes(b"a photo")
        yield store


def ended(store: LatencyStore, code: str, *arguments: str) -> Row | Failure:
    """How a program's run ends, through two photos."""
    contest = Contest(
        endpoint=store.endpoint,
        bucket="photos",
        made_bucket="made",
        keys=("a.jpg", "b.jpg"),
        warm_up=("warm-up.jpg",),
        pixels=300,
        quality=85,
        workers=1,
    )
    command = [sys.executable, "-c", code, *arguments]
    return lap(Contestant("somebody", partial(program, "somebody", command)), contest, store)


def row(photos_per_second: float, contestant: str) -> Row:
    return Row(
        store_latency_ms=0, contestant=contestant, version="1", photos=100, seconds=100 / photos_per_second,
        photos_per_second=photos_per_second, cpu_percent=90, peak_rss_mb=1, p50_seconds=1, p95_seconds=2,
        output_bytes=9,
    )  # fmt: skip


def failure(contestant: str, error: str) -> Failure:
    return Failure(0, contestant, "1", 100, error)


@pytest.mark.timeout(300)
@pytest.mark.needs("nginx")
@pytest.mark.needs("time")
def test_everybody_makes_every_thumbnail_and_is_measured():
    small = ["--photos", "6", "--size-mb", "0.3", "--store-latency-ms", "10"]
    chosen = [word for name in CHOSEN for word in ("--only", name)]
    command = [sys.executable, "-m", "raythumbs", "bench", "throughput", *small, *chosen, "--json"]

    run = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert (told["runs"], told["missing"]) == (1, [])
    assert told["limit_photos_per_second"] > 1
    assert [one["contestant"] for one in told["rows"]] == list(CHOSEN)
    for one in told["rows"]:
        assert (one["photos"], one["store_latency_ms"]) == (6, 10)
        assert 0.02 < one["p50_seconds"] <= one["p95_seconds"] <= one["seconds"]
        assert 0 < one["cpu_percent"] < 110
        assert one["peak_rss_mb"] > 20
        assert one["output_bytes"] > 6 * 1000
    ours = [one["output_bytes"] for one in told["rows"] if one["contestant"] in OURS]
    assert len(set(ours)) == 1  # the same thumbnails, whichever way they are made


@pytest.mark.needs("nginx")
def test_a_contestant_that_left_a_photo_out_has_no_figures(store):
    folder = str(store.buckets / "made")

    assert ended(store, LAZY, folder, "1") == replace(
        failure("somebody", "2 photos got 1 thumbnails, 0 of them empty"), photos=2
    )


@pytest.mark.needs("nginx")
def test_a_contestant_that_ends_too_early_is_told_of_by_its_last_words(store):
    assert ended(store, "import sys; sys.exit('no such option')") == replace(
        failure("somebody", "somebody ended without an answer: no such option"), photos=2, version=""
    )


@pytest.mark.needs("nginx")
def test_a_contestant_that_did_everything_has_figures_and_leaves_an_empty_bucket(store):
    told = ended(store, LAZY, str(store.buckets / "made"), "2")

    assert isinstance(told, Row)
    assert (told.photos_per_second, told.output_bytes) == (4.0, 22)
    assert told.seconds == told.p50_seconds == told.p95_seconds == 0.5
    assert told.peak_rss_mb > 1
    assert store.sizes_bytes("made") == []


def test_a_contestant_that_failed_is_a_row_that_says_so():
    told = report([row(20, "raythumbs"), failure("libvips", "5 thumbnails")], ["thumbor: pip"], limit=40, runs=1)

    assert list(told.complaints) == ["not measured: thumbor: pip", "libvips: 5 thumbnails"]
    assert told.is_failure
    ours, theirs = told.as_json()["rows"]
    assert ours["photos_per_second"] == 20.0
    assert set(theirs) == {"contestant", "version", "photos", "store_latency_ms", "error"}
    assert list(told.tables[0].columns[2].cells) == ["20.0", "failed"]


def test_the_share_of_the_limit_and_how_many_times_faster_raythumbs_is_are_reported():
    told = report([row(10, "sequential"), row(30, "raythumbs")], [], limit=40, runs=1)

    cells = {str(column.header): list(column.cells) for column in told.tables[0].columns}
    assert (cells["of limit"], cells["ours"]) == (["25%", "75%"], ["3.00x", "1.00x"])
    assert (told.figures["cores"], told.is_failure) == (cores(), False)


def test_rivals_that_are_not_installed_are_missing_with_the_line_that_installs_them(tmp_path):
    here, missing = contestants(tmp_path, ())

    assert [one.name for one in here] == [*OURS, "raythumbs, gap 1.25", "raythumbs, by Pillow"]
    assert len(missing) == 8
    assert f"sharp, async I/O: npm install --prefix {tmp_path}, with node on the path, in a checkout" in missing


def test_an_unknown_contestant_is_refused(tmp_path):
    with pytest.raises(BadRequest, match="no contestant is called sharpest"):
        contestants(tmp_path, ["sharpest"])
