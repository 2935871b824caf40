"""The bytes of strips and tiles, unpacked.

libtiff unpacks them. It is handed each group of blocks as a small TIFF of grey bytes, one block under the other, so it
knows nothing of the photo's samples and never reads the photo's own tags.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import accumulate
from typing import BinaryIO

import numpy as np
from PIL import Image

from raythumbs.errors import Corrupt, Truncated
from raythumbs.imaging.tiff.layout import GROUP_BYTES, Layout
from raythumbs.imaging.tiff.samples import Bytes
from raythumbs.imaging.tiff.tags import Compression, Tag

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_LONG = 4  # the type of a tag's values
_WEBP_MODES = {3: "RGB", 4: "RGBA"}


@dataclass(frozen=True, slots=True)
class Block:
    """A strip or tile, or some rows of one: its plane, and where it lies in the picture and in the file."""

    plane: int
    x: int
    y: int
    rows: int
    offset: int
    size: int


def unpacked(file: BinaryIO, layout: Layout) -> Iterator[tuple[Block, Bytes]]:
    """Give each block of the needed planes, with its rows of bytes. Strips that are unpacked together are one block.

    Raises Truncated or Corrupt."""
    for group in _groups(layout):
        parts = [_read(file, block) for block in group]
        try:
            rows = _unpacked(parts, group, layout)
        except (OSError, ValueError, SyntaxError) as error:
            cut = any(len(part) < block.size for part, block in zip(parts, group, strict=True))
            raise _missing() if cut else Corrupt("the TIFF's packed data are broken") from error
        if not layout.tiled:  # there may be a strip for each row, and each block costs as much as 1000 samples
            yield replace(group[0], rows=len(rows)), rows
            continue
        ends = list(accumulate(block.rows for block in group))
        for block, end in zip(group, ends, strict=True):
            yield block, rows[end - block.rows : end]


def _groups(layout: Layout) -> Iterator[list[Block]]:
    """Give the blocks that are unpacked together: of one plane, one after the other."""
    group: list[Block] = []
    rows = 0
    for block in _blocks(layout):
        too_many = (rows + block.rows) * layout.row_bytes > GROUP_BYTES
        if group and (too_many or block.plane != group[0].plane or layout.compression == Compression.WEBP):
            yield group
            group, rows = [], 0
        group.append(block)
        rows += block.rows
    yield group


def _blocks(layout: Layout) -> Iterator[Block]:
    a_plane = layout.blocks_across * layout.blocks_down
    for plane in layout.needed if layout.separate else (0,):
        for number in range(a_plane):
            down, across = divmod(number, layout.blocks_across)
            x, y = across * layout.block[0], down * layout.block[1]
            rows = layout.block[1] if layout.tiled else min(layout.block[1], layout.height - y)
            yield from _pieces(layout, Block(plane, x, y, rows, *_place(layout, plane * a_plane + number, rows)))


def _place(layout: Layout, number: int, rows: int) -> tuple[int, int]:
    """Return where a block begins and how long it is. No code makes bytes much longer than they were."""
    plain = rows * layout.row_bytes
    size = layout.sizes[number] if number < len(layout.sizes) else 0
    if layout.compression == Compression.NONE:
        size = plain
    return layout.offsets[number], min(size or 2 * plain, 2 * plain + 4096)


def _pieces(layout: Layout, block: Block) -> Iterator[Block]:
    """Give a block, or a few rows of it at a time if they are not packed: one strip may be the whole picture."""
    if layout.compression != Compression.NONE:
        yield block
        return
    a_row = layout.row_bytes
    step = max(1, GROUP_BYTES // a_row)
    for start in range(0, block.rows, step):
        rows = min(step, block.rows - start)
        yield Block(block.plane, block.x, block.y + start, rows, block.offset + start * a_row, rows * a_row)


def _read(file: BinaryIO, block: Block) -> bytes:
    file.seek(block.offset)
    data = file.read(block.size)
    if not data:
        raise _missing()
    return data


def _missing() -> Truncated:
    return Truncated("the file ends before the TIFF's pixels do")


def _unpacked(parts: Sequence[bytes], group: Sequence[Block], layout: Layout) -> Bytes:
    """Return the rows of all blocks of a group."""
    rows = sum(block.rows for block in group)
    match layout.compression:
        case Compression.NONE:
            plain = b"".join(parts).translate(_REVERSED) if layout.reversed_bits else b"".join(parts)
            if len(plain) < rows * layout.row_bytes:
                raise _missing()
        case Compression.WEBP:
            plain = _webp(parts[0], layout)
        case _:
            plain = _by_libtiff(parts, rows, layout)
    return np.frombuffer(plain, np.uint8).reshape(rows, layout.row_bytes)


def _by_libtiff(parts: Sequence[bytes], rows: int, layout: Layout) -> bytes:
    offsets = list(accumulate((len(part) for part in parts), initial=8))
    tags: dict[Tag, Sequence[int]] = {
        Tag.WIDTH: [layout.row_bytes],
        Tag.HEIGHT: [rows],
        Tag.BITS: [8],
        Tag.COMPRESSION: [layout.compression],
        Tag.PHOTOMETRIC: [1],
        Tag.FILL_ORDER: [2 if layout.reversed_bits else 1],
        Tag.STRIP_OFFSETS: offsets[:-1],
        Tag.SAMPLES: [1],
        Tag.ROWS_PER_STRIP: [layout.block[1]],
        Tag.STRIP_SIZES: [len(part) for part in parts],
    }
    body, directory = b"".join(parts), _directory(tags, at=offsets[-1])
    with Image.open(BytesIO(struct.pack("<4sI", b"II*\0", offsets[-1]) + body + directory), formats=["TIFF"]) as bytes_:
        return bytes_.tobytes()


def _directory(tags: dict[Tag, Sequence[int]], at: int) -> bytes:
    """Return a directory, which begins at that place, and the values that do not fit into its entries."""
    entries, behind = b"", b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(packed) > 4:  # noqa: PLR2004 bytes of an entry for its value
            packed, behind = struct.pack("<I", end + len(behind)), behind + packed
        entries += struct.pack("<HHI", tag, _LONG, len(values)) + packed
    return struct.pack("<H", len(tags)) + entries + bytes(4) + behind


def _webp(part: bytes, layout: Layout) -> bytes:
    """Return the pixels of a block that is a WebP file."""
    with Image.open(BytesIO(part), formats=["WEBP"]) as picture:
        if picture.width != layout.block[0] or picture.height > layout.block[1]:
            raise ValueError("the WebP has another size than its strip")
        return picture.convert(_WEBP_MODES[layout.samples]).tobytes()
