"""The manual's pictures are drawn from what the benchmark prints."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.surroundings import with_pandas

pytestmark = pytest.mark.needs("packages")

CHARTS = Path(__file__).parent.parent / "notebooks" / "charts.py"
MOST_BYTES = 80_000


def row(contestant: str, latency_ms: float, **figures: Any) -> dict[str, Any]:
    return {"contestant": contestant, "version": "1", "photos": 200, "store_latency_ms": latency_ms} | figures


def a_result(photos: int) -> dict[str, Any]:
    """A result in which one fails."""
    rows = [
        row(f"rival {number}", latency_ms, photos_per_second=20.0 + number, seconds=10.0)
        for number in range(10)
        for latency_ms in (0, 50, 200)
    ]
    rows += [row("raythumbs", 0, photos_per_second=40.0, seconds=photos / 40) | {"photos": photos}]
    rows += [row("raythumbs", 50, photos_per_second=38.0, seconds=photos / 38) | {"photos": photos}]
    return {"limit_photos_per_second": 50.0, "cores": 2, "rows": [*rows, row("raythumbs", 200, error="it ended")]}


def drawn(folder: Path, *results: dict[str, Any]) -> list[Path]:
    files = [folder / f"{number}.json" for number in range(len(results))]
    for file, result in zip(files, results, strict=True):
        file.write_text(json.dumps(result))
    run = subprocess.run(
        [sys.executable, CHARTS, *files, "--out", folder / "pictures"],
        capture_output=True,
        check=True,
        env=with_pandas(),
    )
    return [Path(line) for line in run.stdout.decode().splitlines()]


def test_the_pictures_are_small_and_have_a_white_ground(tmp_path):
    pictures = drawn(tmp_path, a_result(200), a_result(2000), a_result(20_000))

    assert [picture.name for picture in pictures] == ["throughput.png", "growth.png"]
    for picture in pictures:
        assert picture.stat().st_size < MOST_BYTES
        with Image.open(picture) as image:
            assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)


def test_growth_needs_several_numbers_of_photos(tmp_path):
    assert [picture.name for picture in drawn(tmp_path, a_result(200))] == ["throughput.png"]
