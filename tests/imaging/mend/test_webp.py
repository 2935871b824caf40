import struct
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from raythumbs.errors import Truncated
from raythumbs.imaging import Format, RenditionSpec, render
from raythumbs.imaging.mend import mend
from raythumbs.imaging.mend.webp import WRONG_LENGTHS
from raythumbs.imaging.orientation import upright
from tests.imaging.pictures import LIMITS, corners, four_corners, near, opened, saved

SIX = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
EXIF, XMP = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", b"<x/>" * 10
SPECS = [RenditionSpec(width=120, height=120, format=Format.PNG)]


def webp(**options: Any) -> bytes:
    return saved(four_corners(), "WEBP", **({"quality": 95} | options))


FULL = webp(exif=EXIF, xmp=XMP)
SIMPLE, LOSSLESS = webp(), webp(lossless=True)
ANIMATED = webp(save_all=True, append_images=[upright(four_corners(), 3)])
EXIF_AT, XMP_AT = FULL.index(b"EXIF"), FULL.index(b"XMP ")


def with_size(photo: bytes, size: int) -> bytes:
    """The WebP with that size in its head."""
    return photo[:4] + struct.pack("<I", size) + photo[8:]


def with_length(photo: bytes, at: int, size: int) -> bytes:
    """The WebP with that length in the chunk that is there."""
    return photo[: at + 4] + struct.pack("<I", size) + photo[at + 8 :]


FAULTY = {
    "it ends in its XMP": FULL[:-3],
    "it ends before its XMP": FULL[:XMP_AT],
    "it ends in its Exif": FULL[: EXIF_AT + 12],
    "it ends in a chunk's length": FULL[: EXIF_AT + 5],
    "it ends before its Exif": FULL[:EXIF_AT],
    "its Exif is announced longer than the file": with_length(FULL, EXIF_AT, 1 << 20),
    "its Exif is announced too short": with_length(FULL, EXIF_AT, 2),
    "its XMP is announced too long": with_length(FULL, XMP_AT, 50),
    "its size is too small": with_size(FULL, 40),
    "its size is too large": with_size(FULL, 1 << 20),
    "its size is none": with_size(SIMPLE, 0),
    "the size of a simple file is too large": with_size(SIMPLE, 1 << 20),
    "the size of a lossless file is too small": with_size(LOSSLESS, 30),
    "an unknown chunk comes first": with_size(SIMPLE[:12] + b"junk\4\0\0\0abcd" + SIMPLE[12:], len(SIMPLE) + 4),
    "its profile is announced too long": with_length(webp(icc_profile=bytes(90)), 30, 1 << 24),
    "it says that it is an animation": FULL[:20] + bytes([FULL[20] | 2]) + FULL[21:],
    "its second frame is cut": ANIMATED[:-5],
    "its second frame is missing": ANIMATED[: ANIMATED.rindex(b"ANMF")],
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_webp_whose_picture_is_whole_is_shown_whatever_else_is_wrong(fault: str) -> None:
    made = render(FAULTY[fault], SPECS, LIMITS)

    assert WRONG_LENGTHS in made.notes
    assert near(corners(opened(made.renditions[0].data)), corners(four_corners()), within=8)


@pytest.mark.parametrize("photo", [SIMPLE, LOSSLESS, FULL[:EXIF_AT], ANIMATED[: ANIMATED.rindex(b"ANMF")]])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_webp_that_ends_within_its_picture_is_truncated(photo: bytes, share: float) -> None:
    with pytest.raises(Truncated):
        render(photo[: int(share * len(photo)) - 1], SPECS, LIMITS)


def test_exif_at_the_end_of_a_webp_that_is_cut_still_turns_it() -> None:
    photo = webp(exif=SIX + bytes(60))

    made = render(photo[:-40], SPECS, LIMITS)

    right = upright(four_corners(), 6)
    assert (made.width, made.height) == right.size
    assert near(corners(opened(made.renditions[0].data)), corners(right), within=8)


@pytest.mark.parametrize("photo", [SIMPLE, LOSSLESS, FULL, ANIMATED, SIMPLE + b"EXIF\4\0\0\0abcd", FULL + b"junk" * 9])
def test_a_sound_webp_is_read_as_it_is(photo: bytes) -> None:
    file = BytesIO(photo)

    assert mend(file).file is file


def test_a_webp_with_alpha_keeps_it_when_its_metadata_is_cut() -> None:
    clear = Image.new("RGBA", (120, 80), (255, 0, 0, 0))
    photo = saved(clear, "WEBP", xmp=XMP)

    [made] = render(photo[:-9], SPECS, LIMITS).renditions

    assert opened(made.data).getextrema()[3] == (0, 0)
