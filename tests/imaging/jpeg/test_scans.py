import math
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from raythumbs.imaging.jpeg.markers import Reader
from raythumbs.imaging.jpeg.scale import set_scale
from raythumbs.imaging.jpeg.scans import needed_part
from raythumbs.imaging.probe import probe
from tests.imaging.pictures import PHOTOGRAPHS, photograph, saved

SHRINKS = [2, 3, 4, 8]
ARITHMETIC = b"\xca"  # the frame of a progressive file that is coded so (T.81, table B.1)
PROGRESSIVE = b"\xc2"


def progressive(photo: Image.Image, **options: Any) -> bytes:
    return saved(photo, "JPEG", **({"progressive": True, "quality": 88} | options))


def decoded(file: bytes, shrink: int) -> Image.Image:
    picture = probe(BytesIO(file))
    set_scale(picture, shrink)
    picture.load()
    return picture


def decibels(told: Image.Image, right: Image.Image) -> float:
    """The likeness of two pictures, as the peak signal-to-noise ratio."""
    error = np.square(np.subtract(told.convert("RGB"), right.convert("RGB"), dtype=float)).mean()
    return 10 * math.log10(255**2 / error) if error else math.inf


def thumbnail_of(decoded: Image.Image, spare: float) -> Image.Image:
    """What is made of a picture that was decoded at twice the size of its thumbnail, and more."""
    small = decoded.convert("RGB")
    size = round(small.width / 2 / spare), round(small.height / 2 / spare)
    return small.resize(size, Image.Resampling.LANCZOS)


def pieces(file: bytes) -> tuple[bytes, list[bytes]]:
    """The bytes before the first scan, and each scan with the tables before it."""
    reader = Reader(BytesIO(file))
    frame = reader.frame()
    scans = [b"".join((reader.bytes_at(scan.tables), reader.bytes_at(scan.data))) for scan in reader.scans(frame)]
    assert reader.has_ended
    return frame.header, scans


SAMPLINGS = ["4:2:0", "4:2:2", "4:4:4"]
TWO_SAMPLINGS_EACH = [
    (name, SAMPLINGS[number % 3]) for first, name in enumerate(PHOTOGRAPHS) for number in (first, first + 1)
]


@pytest.mark.needs("time")
@pytest.mark.parametrize(("name", "sampling"), TWO_SAMPLINGS_EACH)
def test_a_thumbnail_of_the_needed_scans_is_within_50_db_of_the_whole_files(name: str, sampling: str) -> None:
    for quality in (50, 85, 96):
        file = progressive(photograph(name, times=2), quality=quality, subsampling=sampling)
        for shrink in SHRINKS:
            pictures = {None: decoded(file, shrink)}
            for spare in (1, 1.4, 1.9):
                part = needed_part(BytesIO(file), shrink, spare=spare)

                if part is not None:
                    pictures[part] = pictures.get(part) or decoded(part, shrink)
                    made, right = (thumbnail_of(pictures[which], spare) for which in (part, None))
                    assert decibels(made, right) >= 50, (quality, shrink, spare)


@pytest.mark.parametrize(("shrink", "share"), [(2, 0.7), (3, 0.6), (4, 0.5), (8, 0.3)])
def test_the_smaller_the_thumbnail_the_less_of_the_file_is_decoded(shrink: int, share: float) -> None:
    file = progressive(photograph("coffee", times=2), quality=90)

    part = needed_part(BytesIO(file), shrink, spare=1.7)

    assert part is not None
    assert len(part) < share * len(file)


@pytest.mark.parametrize(
    ("photo", "options"),
    [
        (photograph("temple").convert("L"), {}),
        (photograph("temple").convert("CMYK"), {}),
        (photograph("temple"), {"restart_marker_blocks": 7}),
        (photograph("temple").resize((1, 427)), {}),
        (photograph("temple").resize((639, 425)), {"subsampling": "4:2:0"}),
    ],
    ids=["grey", "CMYK", "restarts", "a pixel wide", "odd sides"],
)
@pytest.mark.parametrize("shrink", SHRINKS)
def test_coefficients_that_are_sent_in_full_decode_to_the_same_pixels(
    photo: Image.Image, options: dict[str, Any], shrink: int
) -> None:
    file = progressive(photo, quality=20, **options)  # its steps are so coarse that no bit may miss

    part = needed_part(BytesIO(file), shrink)

    if part is not None and min(photo.size) >= shrink:
        assert decoded(part, shrink).tobytes() == decoded(file, shrink).tobytes()


def test_a_baseline_file_is_for_the_ordinary_decoder() -> None:
    assert needed_part(BytesIO(saved(photograph("rocket"), "JPEG")), 4) is None


def test_an_arithmetic_coded_file_is_for_the_ordinary_decoder() -> None:
    file = progressive(photograph("rocket"))

    assert needed_part(BytesIO(file.replace(b"\xff" + PROGRESSIVE, b"\xff" + ARITHMETIC, 1)), 4) is None


def test_a_file_without_an_end_is_for_the_ordinary_decoder() -> None:
    file = progressive(photograph("rocket"))

    assert needed_part(BytesIO(file[:-2]), 4) is None


def test_a_file_with_its_scans_in_another_order_is_for_the_ordinary_decoder() -> None:
    header, scans = pieces(progressive(photograph("rocket")))
    refined_before_sent = [*reversed(scans)]

    assert needed_part(BytesIO(header + b"".join(refined_before_sent) + b"\xff\xd9"), 2) is None


def test_a_file_that_sends_a_scan_twice_is_for_the_ordinary_decoder() -> None:
    header, scans = pieces(progressive(photograph("rocket")))

    assert needed_part(BytesIO(header + scans[0] + b"".join(scans) + b"\xff\xd9"), 8) is None


def test_a_file_of_endless_scans_is_given_up() -> None:
    photo = photograph("rocket").convert("L")
    header, scans = pieces(progressive(photo, quality=50))
    unneeded = [scan.replace(b"\x01\x05\x02", b"\x3f\x3f\x00", 1) for scan in scans[1:2]]

    file = BytesIO(header + b"".join(unneeded * 10_000) + b"".join(scans) + b"\xff\xd9")

    assert needed_part(file, 8) is None
    file.seek(0)
    assert Reader(file).frame().width == photo.width  # the header is sound: it is the scans that were too many


@cache
def a_small_file() -> bytes:
    return progressive(photograph("flower").resize((160, 107)), quality=70)


@settings(max_examples=200)
@given(st.data())
def test_no_bytes_make_needed_part_fail(data: st.DataObject) -> None:
    file = bytearray(a_small_file())
    for _ in range(data.draw(st.integers(1, 8))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))

    part = needed_part(BytesIO(bytes(file)), data.draw(st.sampled_from(SHRINKS)))

    assert part is None or part.endswith(b"\xff\xd9")
