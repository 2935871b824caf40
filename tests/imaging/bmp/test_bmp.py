import struct
from typing import Any

import numpy as np
import pytest

from raythumbs.errors import Truncated, UnsupportedFormat
from tests.cpu_time import within_cpu
from tests.imaging.pictures import corners, four_corners, near, saved, thumbnail

RGB = np.asarray(four_corners())
HEIGHT, WIDTH, _ = RGB.shape

# Red, green, blue, alpha.
LAYOUTS: dict[str, tuple[int, tuple[int, int, int, int]]] = {
    "R5 G5 B5": (16, (0x7C00, 0x3E0, 0x1F, 0)),
    "A1 R5 G5 B5": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "R5 G6 B5": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "X4 R4 G4 B4": (16, (0xF00, 0xF0, 0xF, 0)),
    "A4 R4 G4 B4": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "R3 G3 B2": (16, (0xE0, 0x1C, 0x3, 0)),
    "X8 R8 G8 B8": (32, (0xFF0000, 0xFF00, 0xFF, 0)),
    "A8 R8 G8 B8": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "X8 B8 G8 R8": (32, (0xFF, 0xFF00, 0xFF0000, 0)),
    "R8 G8 B8 A8": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
    "A2 R10 G10 B10": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
    "X2 B10 G10 R10": (32, (0x3FF, 0xFFC00, 0x3FF00000, 0)),
    "R11 G11 B10": (32, (0x7FF, 0x3FF800, 0xFFC00000, 0)),
}


def sample(values: Any, mask: int) -> np.ndarray:
    """Values of 0 to 255 as a field of bits."""
    if not mask:
        return np.zeros((HEIGHT, WIDTH), np.uint32)
    shift = (mask & -mask).bit_length() - 1
    return (np.rint(np.asarray(values) / 255 * (mask >> shift)).astype(np.uint32) << shift).astype(np.uint32)


def with_fields(layout: str, *, alpha: int = 255, header: int = 124, top_first: bool = False) -> bytes:
    bits, masks = LAYOUTS[layout]
    packed = sum(sample(plane, mask) for plane, mask in zip((*np.moveaxis(RGB, 2, 0), alpha), masks, strict=True))
    rows = packed if top_first else packed[::-1]
    data = b"".join(row.astype("<u2" if bits == 16 else "<u4").tobytes() for row in rows)
    height = -HEIGHT if top_first else HEIGHT
    head = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, bits, 3, len(data), 0, 0, 0, 0)
    head += struct.pack("<4I", *masks)[: 12 if header == 40 else 16]
    head = head.ljust(max(header, len(head)), b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(data), 0, 0, 14 + len(head)) + head + data


@pytest.mark.parametrize("top_first", [False, True])
@pytest.mark.parametrize("header", [56, 108, 124])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_samples_are_read_wherever_their_bits_lie(layout: str, header: int, *, top_first: bool) -> None:
    made = thumbnail(with_fields(layout, header=header, top_first=top_first))

    assert near(corners(made), corners(four_corners()), within=24 if layout == "R3 G3 B2" else 9)
    assert made.mode == "RGB" or made.getextrema()[3] == (255, 255)


@pytest.mark.parametrize("layout", ["X4 R4 G4 B4", "R5 G6 B5", "X8 B8 G8 R8"])
def test_masks_may_follow_a_short_header(layout: str) -> None:
    assert near(corners(thumbnail(with_fields(layout, header=40))), corners(four_corners()), within=9)


@pytest.mark.parametrize("layout", [layout for layout, (_, masks) in LAYOUTS.items() if masks[3]])
def test_alpha_that_is_nothing_everywhere_means_opaque(layout: str) -> None:
    made = thumbnail(with_fields(layout, alpha=0))

    assert made.getextrema()[3] == (255, 255)
    assert near(corners(made), corners(four_corners()), within=9)


def test_other_alpha_is_alpha() -> None:
    alpha = np.where(np.arange(WIDTH) < WIDTH // 2, 0, 255)[None, :].repeat(HEIGHT, 0)

    made = thumbnail(with_fields("A1 R5 G5 B5", alpha=alpha))

    assert [made.getpixel((x, 40))[3] for x in (20, 100)] == [0, 255]


def test_a_bmp_that_ends_within_its_rows_is_truncated() -> None:
    with pytest.raises(Truncated):
        thumbnail(with_fields("A8 R8 G8 B8")[:-5])


# --- run lengths

GREYS = bytes(level for level in range(256) for _ in range(4))
PALETTE_OF_16 = b"".join(bytes([17 * level, 0, 255 - 17 * level, 0]) for level in range(16))


def runs(codes: bytes, size: tuple[int, int], *, bits: int = 8) -> bytes:
    """A BMP of run lengths: of 256 greys, or of 16 colours from red to blue."""
    palette = GREYS if bits == 8 else PALETTE_OF_16
    head = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, 1 if bits == 8 else 2, len(codes), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + len(palette)) + head + palette + codes


def shown(codes: bytes, size: tuple[int, int] = (4, 3)) -> list[list[int]]:
    """The grey rows, from the top."""
    return np.asarray(thumbnail(runs(codes, size)).convert("L")).tolist()


A_ROW, END_OF_ROW, END = b"\4\x50", b"\0\0", b"\0\1"


@pytest.mark.parametrize(
    ("codes", "rows"),
    [
        (A_ROW + END, [[0] * 4, [0] * 4, [80] * 4]),
        (A_ROW + END_OF_ROW + END_OF_ROW + A_ROW + END, [[80] * 4, [0] * 4, [80] * 4]),
        (b"\2\x50" + END_OF_ROW + A_ROW + END_OF_ROW + A_ROW, [[80] * 4, [80] * 4, [80, 80, 0, 0]]),
        (b"\0\2\2\1" + b"\2\x50" + END, [[0] * 4, [0, 0, 80, 80], [0] * 4]),
        (b"\0\3\1\2\3\0" + b"\1\4" + END, [[0] * 4, [0] * 4, [1, 2, 3, 4]]),
        (b"\x63\x50" + END_OF_ROW + A_ROW + END, [[0] * 4, [80] * 4, [80] * 4]),
        (END, [[0] * 4] * 3),
    ],
    ids=["an early end", "an empty row", "a short row", "a jump", "single pixels", "a run over the end", "nothing"],
)
def test_run_lengths_are_read_as_they_are_meant(codes: bytes, rows: list[list[int]]) -> None:
    assert shown(codes) == rows


def test_run_lengths_of_4_bits_are_read() -> None:
    made = thumbnail(runs(b"\4\x0f\0\0" + b"\0\3\xf0\xf0\0\0" + b"\4\xff" + END, (4, 3), bits=4))

    assert [made.getpixel((x, 2))[0] for x in range(4)] == [255, 0, 255, 0]


def test_run_lengths_that_end_without_an_end_are_truncated() -> None:
    with pytest.raises(Truncated):
        shown(A_ROW + END_OF_ROW)


@pytest.mark.parametrize("code", [b"\0\2\0\0", b"\1\1", b"\0\2\1\0"])
def test_codes_that_lead_nowhere_are_read_in_no_time(code: bytes) -> None:
    photo = runs(code * 5_000_000, (4, 3))

    within_cpu(1, lambda: thumbnail(photo))


@pytest.mark.parametrize("compression", [4, 5, 11, 12, 13, 99])
def test_a_kind_of_bmp_that_is_not_read_is_unsupported(compression: int) -> None:
    photo = saved(four_corners(), "BMP")

    with pytest.raises(UnsupportedFormat, match="BMP"):
        thumbnail(photo[:30] + struct.pack("<I", compression) + photo[34:])
