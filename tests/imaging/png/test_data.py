import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from raythumbs.errors import Corrupt, Truncated
from raythumbs.imaging import Format, RenditionSpec, render
from raythumbs.imaging.png.data import WRONG_CHECKSUM
from tests.imaging.matrix.test_png import KINDS, PALETTE, palette, passes, samples
from tests.imaging.pictures import LIMITS, corners, four_corners, near, opened, png_of, saved

SPECS = [RenditionSpec(width=120, height=120, format=Format.PNG)]


def of_data(data: bytes, *, kind: int, depth: int, interlaced: bool) -> bytes:
    header = struct.pack(">IIBBBBB", 21, 13, depth, kind, 0, 0, interlaced)
    colours = [(b"PLTE", palette(depth))] if kind == PALETTE else []
    return png_of((b"IHDR", header), *colours, (b"IDAT", zlib.compress(data)))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_png_whose_data_ends_well_but_too_soon_is_truncated(kind: tuple[int, int], *, interlaced: bool) -> None:
    rows = samples(*kind) | 1
    data = b"".join(passes(rows, kind[1], interlaced=interlaced))
    last_row = len(next(passes(rows[-1:], kind[1], interlaced=False)))

    assert render(of_data(data, kind=kind[0], depth=kind[1], interlaced=interlaced), SPECS, LIMITS).notes == ()
    for cut in (last_row, len(data) // 2):
        with pytest.raises(Truncated):
            render(of_data(data[:-cut], kind=kind[0], depth=kind[1], interlaced=interlaced), SPECS, LIMITS)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_a_png_that_ends_in_black_or_clear_rows_is_whole(mode: str) -> None:
    assert render(saved(Image.new(mode, (90, 70)), "PNG"), SPECS, LIMITS).notes == ()


def compressed(picture: Image.Image) -> bytes:
    rows = np.asarray(picture)
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))


def in_chunks(data: bytes, size: int) -> bytes:
    header = struct.pack(">IIBBBBB", *four_corners().size, 8, 2, 0, 0, 0)
    return png_of((b"IHDR", header), *((b"IDAT", data[at : at + size]) for at in range(0, len(data), size)))


@pytest.mark.parametrize("size", [100_000, 150])
def test_a_png_whose_data_has_a_wrong_checksum_is_whole_and_has_a_note(size: int) -> None:
    data = compressed(four_corners())
    photo = in_chunks(data[:-1] + bytes([data[-1] ^ 1]), size)

    made = render(photo, SPECS, LIMITS)

    assert made.notes == (WRONG_CHECKSUM,)
    assert near(corners(opened(made.renditions[0].data)), corners(four_corners()), within=0)


def test_a_png_whose_data_is_broken_amid_is_refused() -> None:
    data = compressed(four_corners().effect_spread(30))
    broken = data[: len(data) // 2] + bytes(60) + data[len(data) // 2 + 60 :]

    with pytest.raises((Corrupt, Truncated)):
        render(in_chunks(broken, 100_000), SPECS, LIMITS)
