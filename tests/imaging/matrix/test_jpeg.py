"""Every kind of JPEG is shown as libvips shows it: samples, subsampling, scans, restarts, orientation."""

import itertools
from typing import Any

import pytest
from PIL import Image

from tests.imaging.matrix.second_decoder import difference
from tests.imaging.pictures import photograph, saved

WAYS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "own tables": {"optimize": True},
}
SUBSAMPLINGS = ["4:4:4", "4:2:2", "4:2:0"]


def jpeg(mode: str, **options: Any) -> bytes:
    return saved(photograph("temple").resize((83, 59)).convert(mode), "JPEG", quality=92, **options)


@pytest.mark.parametrize(("way", "subsampling"), list(itertools.product(WAYS, SUBSAMPLINGS)))
def test_each_kind_of_colour_jpeg_is_shown_alike(way: str, subsampling: str) -> None:
    assert difference(jpeg("RGB", subsampling=subsampling, **WAYS[way])) <= 2


@pytest.mark.parametrize("way", WAYS)
def test_each_kind_of_grey_jpeg_is_shown_alike(way: str) -> None:
    assert difference(jpeg("L", **WAYS[way])) <= 1


@pytest.mark.parametrize("way", WAYS)
def test_each_kind_of_jpeg_that_holds_rgb_is_shown_alike(way: str) -> None:
    assert difference(jpeg("RGB", keep_rgb=True, **WAYS[way])) <= 2


@pytest.mark.parametrize(("mode", "turn"), list(itertools.product(["RGB", "L"], range(1, 9))))
def test_each_orientation_of_a_jpeg_is_shown_alike(mode: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn

    assert difference(jpeg(mode, exif=exif)) <= 2
