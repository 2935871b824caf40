import resource
import struct
import zlib
from io import BytesIO

import pytest

from raythumbs.errors import TooLarge
from raythumbs.imaging import Limits, render
from raythumbs.imaging.admit import admit
from raythumbs.imaging.memory import predicted_bytes
from raythumbs.imaging.probe import probe
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.pictures import LIMITS, four_corners, saved

SMALL = RenditionSpec(width=30, height=30, format=Format.PNG)


def png(width: int, height: int, *, colour_type: int, depth: int = 8, between: bytes = b"") -> bytes:
    """A PNG that announces a size and has no pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    body = [(b"IHDR", header), (b"PLTE", bytes(768)), (b"tRNS", between), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    told = [(name, data) for name, data in body if name != b"PLTE" or colour_type == 3]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in told
        if name != b"tRNS" or between
    )


def gif(width: int, height: int) -> bytes:
    """A GIF that announces a size and has no pixels."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return b"GIF89a" + screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08\0;"


def bmp(width: int, height: int) -> bytes:
    """A BMP that announces a size and has no pixels."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def jpeg(width: int, height: int) -> bytes:
    """A JPEG that announces a size and has few pixels."""
    file = bytearray(saved(four_corners(8, 8), "JPEG"))
    size = file.index(b"\xff\xc0") + 5
    file[size : size + 4] = struct.pack(">HH", height, width)
    return bytes(file)


def webp(width: int, height: int) -> bytes:
    """A WebP that announces a size and has few pixels."""
    file = bytearray(saved(four_corners(8, 8), "WEBP", lossless=True))
    size = file.index(b"VP8L") + 9
    told = int.from_bytes(file[size : size + 4], "little") & 0xF << 28 | (height - 1) << 14 | width - 1
    file[size : size + 4] = told.to_bytes(4, "little")
    return bytes(file)


def avif(width: int, height: int) -> bytes:
    """An AVIF that announces a size and has few pixels."""
    file = bytearray(saved(four_corners(16, 16), "AVIF"))
    size = file.index(b"ispe") + 8
    file[size : size + 8] = struct.pack(">II", width, height)
    return bytes(file)


@pytest.mark.parametrize(
    "bomb",
    [
        png(50_000, 50_000, colour_type=2),
        png(40_000, 40_000, colour_type=2),
        png(40_000, 40_000, colour_type=0),
        png(20_000, 20_000, colour_type=3, depth=1),
        png(20_000, 20_000, colour_type=0, between=b"\0\0"),
        png(2**31 - 1, 1, colour_type=6),
        gif(65_535, 65_535),
        gif(30_000, 30_000),
        bmp(30_000, 30_000),
        bmp(2**31 - 1, 2**31 - 1),
        jpeg(65_500, 65_500),
        webp(16_384, 16_384),
        avif(16_384, 16_384),
    ],
    ids=range(13),
)
def test_a_small_file_of_a_huge_picture_is_refused_before_its_pixels_are_allocated(bomb: bytes) -> None:
    assert len(bomb) < 2000
    highest_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(TooLarge):
        render(bomb, [SMALL], LIMITS)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - highest_kib < 64 * 1024


def test_a_refusal_tells_the_size_and_the_figure_and_the_limit() -> None:
    with pytest.raises(
        TooLarge, match=r"20000x20000 pixels and their thumbnails need 16\d{8} bytes of memory; at most 1073741824"
    ):
        render(png(20_000, 20_000, colour_type=2), [SMALL], LIMITS)


@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_every_format_is_held_to_the_limit(written_as: str) -> None:
    file = saved(four_corners(64, 64), written_as)

    with pytest.raises(TooLarge):
        render(file, [RenditionSpec(width=64, height=64)], Limits(decode_bytes=64 * 64 - 1))


def test_a_picture_is_admitted_or_refused_with_its_pixels_unread() -> None:
    file = probe(BytesIO(saved(four_corners(), "PNG")))

    needed = predicted_bytes(file)
    admit(file, Limits(decode_bytes=needed))

    with pytest.raises(TooLarge):
        admit(file, Limits(decode_bytes=needed - 1))
    assert file._im is None
