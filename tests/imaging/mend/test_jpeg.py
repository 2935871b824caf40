import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from raythumbs.errors import UnsupportedFormat
from raythumbs.imaging import RenditionSpec, render
from raythumbs.imaging.mend import mend
from raythumbs.imaging.mend.jpeg import PROFILE_INCOMPLETE
from tests.imaging.pictures import LIMITS, corners, four_corners, mean_error, near, opened, rgb_profile, saved

PHOTO = saved(four_corners(), "JPEG", quality=95)
SPECS = [RenditionSpec(width=120, height=120, quality=95)]
GREEN_IS_RED = rgb_profile(np.array([[0.14, 0.38, 0.44], [0.06, 0.72, 0.22], [0.71, 0.1, 0.01]])[:, [1, 0, 2]], 2.2)


def segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(content) + 2) + content


def in_head(junk: bytes, photo: bytes = PHOTO) -> bytes:
    """The JPEG with junk behind its first segment."""
    return photo[:20] + junk + photo[20:]


def notes_of_whole(photo: bytes) -> tuple[str, ...]:
    """The notes of a photo that shows what it should."""
    made = render(photo, SPECS, LIMITS)
    assert made.format == "jpeg"
    assert near(corners(opened(made.renditions[0].data)), corners(four_corners()), within=8)
    return made.notes


ICC = b"ICC_PROFILE\0"
WITH_NOTE = {
    "a short JFIF": PHOTO[:2] + segment(0xE0, b"JFIF\0") + PHOTO[20:],
    "a short Adobe": in_head(segment(0xEE, b"Adobe")),
    "an empty profile": in_head(segment(0xE2, ICC)),
    "a profile of a lonely number": in_head(segment(0xE2, ICC + b"\1")),
    "a profile without its second piece": in_head(segment(0xE2, ICC + b"\1\2abc")),
    "a profile of far too many pieces": in_head(segment(0xE2, ICC + b"\1\1") * 300),
    "a profile of two first pieces": in_head(segment(0xE2, ICC + b"\1\2abc") * 2),
}
WITHOUT_NOTE = {
    "an empty JFIF": PHOTO[:2] + segment(0xE0, b"") + PHOTO[20:],
    "no JFIF": PHOTO[:2] + PHOTO[20:],
    "short segments": in_head(b"".join(segment(code, b"\1") for code in range(0xE0, 0xF0))),
    "empty segments": in_head(b"".join(segment(code, b"") for code in range(0xE0, 0xF0))),
    "a segment shorter than its own length": in_head(b"\xff\xe5\0\0\xff\xe6\0\1"),
    "an empty Exif": in_head(segment(0xE1, b"Exif\0\0")),
    "Exif that is junk": in_head(segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xee" * 10)),
    "no JFIF and Exif with an odd resolution": PHOTO[:2]
    + segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0\x1a\1\2\0\1\0\0\0x\0\0\0\0\0\0\0")
    + PHOTO[20:],
    "a broken list of further pictures": in_head(segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\xff\xff\0\0")),
    "an empty list of further pictures": in_head(segment(0xE2, b"MPF\0")),
    "Photoshop's data that is cut": in_head(segment(0xED, b"Photoshop 3.0\08BIM\4\4\xff\xff")),
    "Photoshop's data that is cut in its name": in_head(segment(0xED, b"Photoshop 3.0\08BIM\4\4")),
    "stray bytes": in_head(b"\0\1\2"),
    "a marker without meaning": in_head(b"\xff\1"),
    "a first length that is too small": PHOTO[:5] + b"\x0e" + PHOTO[6:],
}


@pytest.mark.parametrize("fault", WITH_NOTE)
def test_a_jpeg_with_a_broken_segment_that_no_pixel_needs_is_whole_and_has_a_note(fault: str) -> None:
    assert len(notes_of_whole(WITH_NOTE[fault])) == 1


@pytest.mark.parametrize("fault", WITHOUT_NOTE)
def test_a_jpeg_with_segments_of_no_use_is_whole(fault: str) -> None:
    assert notes_of_whole(WITHOUT_NOTE[fault]) == ()


def pieces(profile: bytes, count: int) -> list[bytes]:
    size = -(-len(profile) // count)
    return [segment(0xE2, ICC + bytes([at + 1, count]) + profile[at * size : (at + 1) * size]) for at in range(count)]


@pytest.mark.parametrize("count", [1, 3])
def test_a_profile_behind_the_frames_header_is_used_like_one_before_it(count: int) -> None:
    scan, frame = PHOTO.index(b"\xff\xda"), PHOTO.index(b"\xff\xc0")
    profile = b"".join(reversed(pieces(GREEN_IS_RED, count)))

    before, behind = (render(PHOTO[:at] + profile + PHOTO[at:], SPECS, LIMITS) for at in (frame, scan))

    assert before.renditions == behind.renditions
    assert mean_error(opened(behind.renditions[0].data), four_corners()) > 20


def test_a_profile_without_one_of_its_pieces_is_not_used() -> None:
    first, _, last = pieces(GREEN_IS_RED, 3)

    assert notes_of_whole(in_head(first + last)) == (PROFILE_INCOMPLETE,)


def test_a_jpeg_with_a_gain_map_or_further_pictures_shows_its_first_picture_as_jpeg() -> None:
    gain_map = Image.new("L", (30, 20), 255)

    assert notes_of_whole(saved(four_corners(), "MPO", save_all=True, append_images=[gain_map], quality=95)) == ()


def with_frame(code: int = 0xC0, *, bits: int = 8, components: int = 3) -> bytes:
    at = PHOTO.index(b"\xff\xc0")
    frame = bytearray(PHOTO[at + 4 :][:15])
    frame[0], frame[5] = bits, components
    return PHOTO[:at] + segment(code, bytes(frame)) + PHOTO[at + 19 :]


@pytest.mark.parametrize(
    ("photo", "kind"),
    [
        (with_frame(0xC1, bits=12), "12 bits"),
        (with_frame(0xC2, bits=12), "12 bits"),
        (with_frame(components=2), "2 components"),
        (with_frame(components=5), "5 components"),
        (with_frame(0xC3), "lossless"),
        (with_frame(0xC3, bits=16), "lossless"),
        (with_frame(0xCB), "lossless"),
        (with_frame(0xC5), "hierarchical"),
        (with_frame(0xF7), "JPEG-LS"),
        (in_head(segment(0xDE, bytes(15))), "hierarchical"),
        (PHOTO.replace(b"\0\x50\0\x78", b"\0\0\0\x78")[:-2] + segment(0xDC, b"\0\x50") + b"\xff\xd9", "its height"),
    ],
)
def test_a_kind_of_jpeg_that_is_not_read_is_unsupported_and_named(photo: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedFormat, match=kind):
        render(photo, SPECS, LIMITS)


def test_a_sound_jpeg_is_read_as_it_is() -> None:
    file = BytesIO(saved(four_corners(), "JPEG", exif=Image.Exif(), icc_profile=GREEN_IS_RED, xmp=b"<x/>"))

    assert mend(file).file is file
