"""A TIFF of very many strips or tiles takes no seconds."""

import struct

import pytest

from raythumbs.errors import TooLarge
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec
from tests.cpu_time import within_cpu

SPECS = [RenditionSpec(width=120, height=120)]
BLOCK = bytes(range(64))  # all blocks lie in the same place


def tiff(tags: dict[int, int], places: tuple[int, int], blocks: int) -> bytes:
    """A TIFF of 12 bits a sample, which Pillow does not read."""
    told = {258: 12, 259: 1, 262: 1, 277: 1} | tags
    offsets, sizes = struct.pack("<I", 8) * blocks, struct.pack("<I", len(BLOCK)) * blocks
    tables = 8 + len(BLOCK)
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in told.items()}
    entries[places[0]] = struct.pack("<HHII", places[0], 4, blocks, tables)
    entries[places[1]] = struct.pack("<HHII", places[1], 4, blocks, tables + len(offsets))
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return struct.pack("<4sI", b"II*\0", tables + len(offsets + sizes)) + BLOCK + offsets + sizes + directory


@pytest.mark.parametrize("rows_a_strip", [1, 2])
def test_a_tiff_of_very_many_strips_is_read_in_no_time(rows_a_strip: int) -> None:
    strips = 131_000 // rows_a_strip
    rows = strips * rows_a_strip
    file = tiff({256: 8, 257: rows, 278: rows_a_strip}, (273, 279), strips)

    made = within_cpu(1.5, lambda: render(file, SPECS, Limits()))

    assert (made.width, made.height) == (8, rows)


def test_a_tiff_of_very_many_tiles_is_refused_with_their_number() -> None:
    file = tiff({256: 300, 257: 200, 322: 1, 323: 1}, (324, 325), 60_000)

    with pytest.raises(TooLarge, match="60000 tiles; at most 50000"):
        render(file, SPECS, Limits())
