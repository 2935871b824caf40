"""The colours of a HEIC or AVIF are read from its container."""

import struct
from io import BytesIO

import pytest

from raythumbs.imaging.cicp import Cicp, cicp
from tests.imaging.pictures import four_corners, saved

PQ = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9, "full_range_flag": 1}


def heic(**options: object) -> bytes:
    return saved(four_corners(), "HEIF", enc_params={"preset": "ultrafast"}, **options)


@pytest.mark.parametrize("options", [{}, {"tile_size": 64}], ids=["whole", "tiles"])
def test_the_code_points_of_a_heic_are_read(options: dict[str, int]) -> None:
    assert cicp(BytesIO(heic(**PQ, **options))) == Cicp(primaries=9, transfer=16, matrix=9, full_range=True)


def test_the_code_points_of_an_avif_are_read() -> None:
    photo = saved(four_corners(), "AVIF", speed=10)
    pq = photo.replace(b"nclx" + struct.pack(">HHH", 1, 13, 6), b"nclx" + struct.pack(">HHH", 9, 16, 9))

    assert cicp(BytesIO(photo)) == Cicp(primaries=1, transfer=13, matrix=6, full_range=True)
    assert cicp(BytesIO(pq)) == Cicp(primaries=9, transfer=16, matrix=9, full_range=True)


@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_other_formats_have_no_container_with_code_points(written_as: str) -> None:
    assert cicp(BytesIO(saved(four_corners(), written_as))) is None


@pytest.mark.parametrize("size", [0, 10, 40, 100, 200, 300])
def test_a_container_that_is_cut_has_none(size: int) -> None:
    assert cicp(BytesIO(heic()[:size])) is None
