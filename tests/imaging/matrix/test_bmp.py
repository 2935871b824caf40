"""Every kind of BMP shows the samples that were put in. Neither libvips nor another library at hand reads BMP."""

import itertools
import struct

import numpy as np
import pytest

from tests.imaging.matrix.second_decoder import shown_by_us

WIDTH, HEIGHT = 21, 13  # rows are padded to 4 bytes, at each number of bits
CORE, WINDOWS, OS2 = 12, 40, 64
ENTRIES = np.array([[entry * 37 % 256, entry * 91 % 256, 255 - entry] for entry in range(256)], np.uint8)
KINDS = [
    (bits, header, top_first)
    for bits, header, top_first in itertools.product(
        (1, 4, 8, 16, 24, 32), (CORE, WINDOWS, 52, 56, OS2, 108, 124), (False, True)
    )
    if header != CORE or (bits not in {16, 32} and not top_first)
]


def picture(bits: int) -> tuple[np.ndarray, list[bytes]]:
    """The colours that a BMP of so many bits shows, and its rows, both from the top."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    if bits <= 8:
        entries = (down * WIDTH + across) % (1 << bits)
        unpacked = (entries[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        return ENTRIES[entries], [np.packbits(row.reshape(-1).astype(np.uint8)).tobytes() for row in unpacked]
    colours = np.stack([down * 19 % 256, across * 12 % 256, (down * across) % 256], -1).astype(np.uint8)
    if bits == 16:
        fives = colours.astype(np.uint16) >> 3
        packed = fives[..., 0] << 10 | fives[..., 1] << 5 | fives[..., 2]
        return (fives * 255 // 31).astype(np.uint8), [row.astype("<u2").tobytes() for row in packed]
    samples = [colours[..., 2], colours[..., 1], colours[..., 0], np.full_like(down, 77)][: bits // 8]
    return colours, [row.astype(np.uint8).tobytes() for row in np.stack(samples, -1)]


def bmp(bits: int, header: int, rows: list[bytes], *, top_first: bool) -> bytes:
    height = -HEIGHT if top_first else HEIGHT
    if header == CORE:
        head = struct.pack("<IHHHH", header, WIDTH, HEIGHT, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, bits, 0, 0, 0, 0, 0, 0).ljust(header, b"\0")
    padding = b"" if header == CORE else b"\0"
    palette = b"".join(entry[::-1].tobytes() + padding for entry in ENTRIES[: 1 << bits]) if bits <= 8 else b""
    pixels = b"".join(row.ljust(-(-len(row) // 4) * 4, b"\0") for row in (rows if top_first else rows[::-1]))
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head) + len(palette)) + head + palette + pixels


@pytest.mark.parametrize(("bits", "header", "top_first"), KINDS)
def test_each_kind_of_bmp_shows_its_samples(bits: int, header: int, *, top_first: bool) -> None:
    colours, rows = picture(bits)

    shown = shown_by_us(bmp(bits, header, rows, top_first=top_first))

    assert np.abs(shown[..., :3].astype(int) - colours).max() <= 1
    assert shown[..., 3].min() == 255
