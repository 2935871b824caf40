"""A big-endian BigTIFF is read like any other TIFF, and what is wrong with it is reported in the same way."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from raythumbs.errors import BadPicture, TooLarge
from raythumbs.imaging import render
from raythumbs.imaging.mend.big_tiff import mend_big_tiff
from raythumbs.model.photo import RenditionSpec
from tests.imaging.matrix.tiff_file import Tiff
from tests.imaging.pictures import LIMITS, corners, four_corners, near, opened, thumbnail

SPECS = [RenditionSpec(width=120, height=120)]


def big(**options: object) -> bytes:
    return Tiff(**{"photometric": 2, "bits": 8, "order": ">", "big": True} | options).of(np.asarray(four_corners()))  # type: ignore[arg-type]


@pytest.mark.parametrize("block", [1 << 16, 8, (16, 16)])
@pytest.mark.parametrize("code", ["none", "lzw"])
def test_every_tag_is_kept_wherever_its_value_stands(block: int | tuple[int, int], code: str) -> None:
    longs = {65000: ("I", [300]), 65001: ("I", [1, 2]), 65002: ("Q", [5]), 65003: ("Q", [5, 6])}
    tags = longs | {65004: ("H", [65, 66, 67])}

    mended = mend_big_tiff(BytesIO(big(block=block, code=code, tags=tags))).file.read()

    with Image.open(BytesIO(mended)) as picture:
        kept = picture.tag_v2  # type: ignore[attr-defined]
        assert [kept[tag] for tag in (258, *tags)] == [(8, 8, 8), 300, (1, 2), 5, (5, 6), (65, 66, 67)]
    assert near(corners(opened(mended)), corners(four_corners()), within=1)


def test_a_big_endian_big_tiff_is_turned_as_it_says() -> None:
    assert thumbnail(big(tags={274: ("H", [6])}), width=120, height=120).size == (80, 120)


@pytest.mark.parametrize("end", [3, 8, 15, 16, 40, -30, -200])
def test_a_part_of_a_big_endian_big_tiff_is_a_bad_picture(end: int) -> None:
    with pytest.raises(BadPicture):
        render(big()[:end], SPECS, LIMITS)


def test_a_directory_of_too_many_entries_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge, match="entries"):
        render(b"MM\0+\0\x08\0\0" + struct.pack(">QQ", 16, 1 << 40) + bytes(64), SPECS, LIMITS)


def test_a_table_of_too_many_values_is_refused_before_it_is_read() -> None:
    entry = struct.pack(">HHQQ", 273, 16, 1 << 40, 16)

    with pytest.raises(TooLarge, match="tag 273"):
        render(b"MM\0+\0\x08\0\0" + struct.pack(">QQ", 16, 1) + entry + bytes(64), SPECS, LIMITS)


@pytest.mark.parametrize("place", [5, 1 << 20, 1 << 63, (1 << 64) - 1])
def test_a_directory_that_lies_nowhere_is_a_bad_picture(place: int) -> None:
    with pytest.raises(BadPicture):
        render(b"MM\0+\0\x08\0\0" + struct.pack(">Q", place) + bytes(64), SPECS, LIMITS)
