"""Every kind of PNG is shown as libvips shows it: colour type, depth, interlace, transparency, orientation."""

import itertools
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from tests.imaging.matrix.second_decoder import difference
from tests.imaging.pictures import png_of

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
KINDS = [(kind, depth) for kind, depths in DEPTHS.items() for depth in depths]
WIDTH, HEIGHT = 21, 13
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def samples(kind: int, depth: int) -> np.ndarray:
    """Rows, columns, channels: samples of every value, that differ in each direction and channel."""
    down, across, channel = np.mgrid[0:HEIGHT, 0:WIDTH, 0 : CHANNELS[kind]]
    most = (1 << depth) - 1
    spread = (down * 4001 + across * 2503 + channel * 20011 + down * across * 97) % 65536
    return np.asarray(spread * most // 65535 if kind != PALETTE else (down * WIDTH + across) % (most + 1))


def packed(rows: np.ndarray, depth: int) -> bytes:
    """The rows as bytes, each with the filter "none"."""
    flat = rows.reshape(rows.shape[0], -1)
    bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
    return b"".join(b"\0" + np.packbits(row.reshape(-1).astype(np.uint8)).tobytes() for row in bits)


def passes(rows: np.ndarray, depth: int, *, interlaced: bool) -> Iterator[bytes]:
    for left, top, across, down in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = rows[top::down, left::across]
        if part.size:
            yield packed(part, depth)


def palette(depth: int) -> bytes:
    return b"".join(bytes([entry * 37 % 256, entry * 91 % 256, 255 - entry]) for entry in range(1 << depth))


def png(kind: int, depth: int, *, interlaced: bool = False, clear: bytes = b"", turned: bool = False) -> bytes:
    rows = samples(kind, depth)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, kind, 0, 0, interlaced)
    directory = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    return png_of(
        (b"IHDR", header),
        *([(b"PLTE", palette(depth))] if kind == PALETTE else []),
        *([(b"tRNS", clear)] if clear else []),
        *([(b"eXIf", directory)] if turned else []),
        (b"IDAT", zlib.compress(b"".join(passes(rows, depth, interlaced=interlaced)))),
    )


def clear_of(kind: int, depth: int) -> bytes:
    """What makes the first pixel transparent: its colour, or the palette's alpha."""
    if kind == PALETTE:
        return bytes(entry * 53 % 256 for entry in range(1 << depth))
    return struct.pack(f">{CHANNELS[kind]}H", *samples(kind, depth)[3, 5])


@pytest.mark.parametrize(
    ("kind", "depth", "interlaced"), [(*kind, lace) for kind, lace in itertools.product(KINDS, (False, True))]
)
def test_each_kind_of_png_is_shown_alike(kind: int, depth: int, *, interlaced: bool) -> None:
    assert difference(png(kind, depth, interlaced=interlaced)) <= 1


@pytest.mark.parametrize(
    ("kind", "depth", "interlaced"),
    [(*kind, lace) for kind, lace in itertools.product(KINDS, (False, True)) if kind[0] in {GREY, RGB, PALETTE}],
)
def test_each_kind_of_png_with_a_clear_colour_is_shown_alike(kind: int, depth: int, *, interlaced: bool) -> None:
    assert difference(png(kind, depth, interlaced=interlaced, clear=clear_of(kind, depth))) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_png_is_turned_alike(kind: tuple[int, int]) -> None:
    assert difference(png(*kind, turned=True)) <= 1


@pytest.mark.parametrize("clear", [b"\0", bytes(200), bytes(256)])
def test_a_palette_with_fewer_or_more_alpha_is_shown_alike(clear: bytes) -> None:
    assert difference(png(PALETTE, 8, clear=clear)) <= 1


@pytest.mark.parametrize("kind", [(RGB, 16), (GREY, 16)])
def test_a_clear_colour_of_16_bits_is_compared_by_all_of_them(kind: tuple[int, int]) -> None:
    clear = clear_of(*kind)
    nearly = clear[:-1] + bytes([clear[-1] ^ 1])

    assert difference(png(*kind, clear=nearly)) <= 1
