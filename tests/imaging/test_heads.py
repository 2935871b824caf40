"""Files of 20 MB whose head is junk are rendered or refused in less time than a large photo takes."""

import struct
import zlib
from collections.abc import Callable

import pytest

from raythumbs.errors import TooLarge
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec
from tests.cpu_time import within_cpu
from tests.imaging.pictures import corners, four_corners, near, opened, png_of, saved

SIZE = 20 << 20
SPECS = [RenditionSpec(width=120, height=120)]


def times(junk: bytes) -> bytes:
    """20 MB of it."""
    return junk * (SIZE // len(junk))


def chunk(name: bytes, data: bytes) -> bytes:
    return png_of((name, data))[8:-12]


def png(*, before: bytes = b"", behind: bytes = b"") -> bytes:
    """A PNG with junk before and behind its pixels."""
    photo = saved(four_corners(), "PNG")
    pixels, end = photo.index(b"IDAT") - 4, photo.index(b"IEND") - 4
    return photo[:pixels] + before + photo[pixels:end] + behind + photo[end:]


def gif(junk: bytes) -> bytes:
    """A GIF with junk before its first image."""
    photo = saved(four_corners().convert("P"), "GIF")
    palette_ends = 13 + (6 << (photo[10] & 7))
    return photo[:palette_ends] + junk + photo[palette_ends:]


def webp(junk: bytes) -> bytes:
    """A WebP with junk behind its pixels."""
    chunks = saved(four_corners(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")[12:] + junk
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


REFUSED: dict[str, Callable[[], bytes]] = {
    "PNG of private chunks": lambda: png(before=times(chunk(b"prIv", b""))),
    "PNG of texts": lambda: png(before=times(chunk(b"tEXt", b"k\0v"))),
    "PNG of palettes": lambda: png(before=times(chunk(b"PLTE", bytes(3)))),
    "PNG of empty pixels": lambda: png(before=times(chunk(b"IDAT", b""))),
    "PNG of one long chunk": lambda: png(before=chunk(b"prIv", bytes(2 * SIZE))),
    "PNG of private chunks behind its pixels": lambda: png(behind=times(chunk(b"prIv", b""))),
    "PNG of empty pixels behind its pixels": lambda: png(behind=times(chunk(b"IDAT", b""))),
    "PNG of frames behind its pixels": lambda: png(behind=times(chunk(b"fdAT", bytes(4)))),
    "GIF of comments": lambda: gif(times(b"!\xfe\1x\0")),
    "GIF of one comment": lambda: gif(b"!\xfe" + times(b"\1x") + b"\0"),
    "GIF of one comment in long blocks": lambda: gif(b"!\xfe" + times(b"\xff" + bytes(255)) + b"\0"),
    "GIF of one extension": lambda: gif(b"!\xff" + times(b"\1x") + b"\0"),
    "GIF of empty extensions": lambda: gif(times(b"!\1\0")),
    "GIF of nothing": lambda: gif(times(b"x")),
    "WebP of empty chunks": lambda: webp(times(b"junk\0\0\0\0")),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_head_that_would_take_seconds_to_read_is_refused_at_once(kind: str) -> None:
    photo = REFUSED[kind]()

    within_cpu(1, lambda: refused(photo))


def refused(photo: bytes) -> None:
    with pytest.raises(TooLarge, match=r"more than \d+ "):
        render(photo, SPECS, Limits())


RENDERED: dict[str, Callable[[], bytes]] = {
    "PNG of 16 MB of text": lambda: png(before=chunk(b"tEXt", b"k\0" + bytes(1 << 20)) * 16),
    "PNG of a private chunk behind its pixels": lambda: png(behind=chunk(b"prIv", bytes(1 << 20))),
    "GIF of a megabyte of XMP": lambda: gif(b"!\xff\x0bXMP DataXMP" + (b"\x50" + bytes(0x50)) * 13_000 + b"\0"),
    "WebP of a megabyte of XMP": lambda: webp(b"XMP " + struct.pack("<I", 1 << 20) + bytes(1 << 20)),
}


@pytest.mark.parametrize("kind", RENDERED)
def test_a_long_head_of_a_camera_or_an_editor_is_read(kind: str) -> None:
    photo = RENDERED[kind]()

    made = within_cpu(1, lambda: render(photo, SPECS, Limits()))

    assert near(corners(opened(made.renditions[0].data)), corners(four_corners()), within=30)


@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_photo_cut_anywhere_in_its_head_is_refused_by_a_name(written_as: str) -> None:
    photo = saved(four_corners(), written_as)
    codes = set()

    for cut in range(2, 200):
        try:
            render(photo[:cut], SPECS, Limits())
        except Exception as error:  # noqa: BLE001 whatever comes, its code is looked at
            codes.add(getattr(error, "code", repr(error)))

    assert codes <= {"truncated", "corrupt", "not_an_image", "zero_sized"}


def test_compressed_text_is_not_unpacked() -> None:
    text = b"k\0\0" + zlib.compress(bytes(3 << 20))
    photo = png(before=chunk(b"zTXt", text) * 100)

    within_cpu(0.1, lambda: render(photo, SPECS, Limits()))
