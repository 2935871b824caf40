"""JPEGs of 20 MB whose head is junk are rendered or refused in less time than a large photo takes."""

import struct
from collections.abc import Callable

import pytest
from PIL import Image

from raythumbs.errors import TooLarge
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec
from tests.cpu_time import within_cpu
from tests.imaging.pictures import corners, four_corners, near, opened, saved

SIZE = 20 << 20
SPECS = [RenditionSpec(width=120, height=120)]
GREY = Image.new("RGB", (120, 80), (128, 128, 128))


def times(junk: bytes) -> bytes:
    """20 MB of it."""
    return junk * (SIZE // len(junk))


def segment(code: int, data: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(data) + 2) + data


def in_head(junk: bytes, photo: bytes | None = None) -> bytes:
    """A JPEG with junk before its first segment."""
    photo = photo or saved(four_corners(), "JPEG")
    return photo[:2] + junk + photo[2:]


def before_end(junk: bytes, photo: Image.Image) -> bytes:
    """A JPEG with junk behind its pixels."""
    file = saved(photo, "JPEG")
    return file[:-2] + junk + file[-2:]


PHOTOSHOP = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5000
REFUSED: dict[str, Callable[[], bytes]] = {
    "JPEG of fill bytes": lambda: in_head(times(b"\xff")),
    "JPEG of stuffed bytes": lambda: in_head(times(b"\xff\0")),
    "JPEG of restarts": lambda: in_head(times(b"\xff\xd0")),
    "JPEG of empty segments": lambda: in_head(times(segment(0xE5, b""))),
    "JPEG of full segments": lambda: in_head(times(segment(0xE5, bytes(60_000))) * 2),
    "JPEG of Exif": lambda: in_head(times(segment(0xE1, b"Exif\0\0" + bytes(60_000)))),
    "JPEG of little Exif": lambda: in_head(segment(0xE1, b"Exif\0\0" + bytes(50)) * 60_000),
    "JPEG of Photoshop's data": lambda: in_head(times(segment(0xED, PHOTOSHOP))),
    "JPEG of quantisation tables": lambda: in_head(times(segment(0xDB, (b"\0" + b"\1" * 64) * 1000))),
    "JPEG of frames": lambda: in_head(times(segment(0xC0, b"\x08\0\x10\0\x10\x03" + b"\1\x11\0" * 20_000))),
    "JPEG of fill bytes behind its pixels": lambda: before_end(times(b"\xff"), four_corners()),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_jpeg_head_that_would_take_seconds_to_read_is_refused_at_once(kind: str) -> None:
    photo = REFUSED[kind]()

    within_cpu(0.5, lambda: refused(photo))


def refused(photo: bytes) -> None:
    with pytest.raises(TooLarge, match=r"more than \d+ "):
        render(photo, SPECS, Limits())


RENDERED: dict[str, Callable[[], bytes]] = {
    "JPEG of 16 MB of profiles and previews": lambda: in_head(segment(0xE2, bytes(65_533)) * 255),
    "JPEG of 8 MB of XMP": lambda: in_head(segment(0xE1, b"http://ns.adobe.com/xmp/" + bytes(65_000)) * 128),
    "JPEG of 2 MB of Exif": lambda: in_head(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 30),
    "JPEG of some fill bytes": lambda: in_head(b"\xff" * 1000),
    "progressive JPEG of a preview": lambda: in_head(
        segment(0xE2, bytes(60_000)) * 100, saved(four_corners(), "JPEG", progressive=True)
    ),
}


@pytest.mark.parametrize("kind", RENDERED)
def test_a_long_jpeg_head_of_a_camera_or_an_editor_is_read(kind: str) -> None:
    photo = RENDERED[kind]()

    made = within_cpu(1, lambda: render(photo, SPECS, Limits()))

    assert near(corners(opened(made.renditions[0].data)), corners(four_corners()), within=30)


@pytest.mark.parametrize("junk", [segment(0xE5, b""), b"\xff\0", b"\xff\xd0", b"x"], ids=repr)
def test_a_grey_photo_is_searched_for_its_end_in_no_time(junk: bytes) -> None:
    photo = before_end(times(junk), GREY)

    within_cpu(1, lambda: render(photo, SPECS, Limits()))


def test_many_segments_between_the_scans_of_a_progressive_jpeg_are_no_work() -> None:
    photo = saved(four_corners(1600, 1200), "JPEG", progressive=True)
    first = photo.index(b"\xff\xda")
    junk = photo[: first + 2] + photo[first + 2 :].replace(b"\xff\xda", segment(0xE5, b"") * 15_000 + b"\xff\xda")

    within_cpu(0.5, lambda: render(junk, SPECS, Limits()))
