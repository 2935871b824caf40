"""The compressed pixels of a PNG: whether there are enough of them, and what becomes of a wrong checksum behind them.

Pillow leaves the rows black that the compressed data does not hold, if the data ends as it should. And it refuses a
picture for the checksum at the data's end, which browsers ignore (RFC 1950, 2.2).
"""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import SEEK_END
from typing import BinaryIO

from PIL import Image

from raythumbs.imaging.mend.png_chunks import Chunk, chunks_of
from raythumbs.imaging.mend.spliced import spliced

WRONG_CHECKSUM = "the checksum of the picture's data is wrong"

_HEADER_AT, _HEADER_BYTES = 16, 13  # IHDR is the first chunk (PNG 3rd edition, 11.2.1)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the colour type
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7
_CHECKSUM_BYTES = 4
_PIECE_BYTES = 1 << 16


def may_lack_rows(picture: Image.Image) -> bool:
    """Return whether one of the last two rows is 0 everywhere. Interlaced rows come in another order."""
    rows = ((0, top, picture.width, top + 1) for top in range(max(0, picture.height - 2), picture.height))
    return any(picture.crop(row).getbbox(alpha_only=False) is None for row in rows)


def lacks_rows(file: BinaryIO) -> bool:
    """Return whether the data of a PNG that was decoded unpacks to fewer bytes than the picture has."""
    needed = _needed_bytes(file)
    with suppress(zlib.error):  # behind the pixels: the decoder would have refused it before
        for size in _unpacked_sizes(file):
            needed -= size
            if needed <= 0:
                return False
        return True
    return False


def without_checksum(file: BinaryIO) -> BinaryIO | None:
    """Return the PNG without the checksum of its pixels; None if the last chunk of pixels is shorter than that."""
    chunks = _data_chunks(file)
    if not chunks or (last := chunks[-1]).size < _CHECKSUM_BYTES:
        return None
    size = (last.size - _CHECKSUM_BYTES).to_bytes(4, "big")
    data_ends = last.content + last.size - _CHECKSUM_BYTES
    end = max(last.end, file.seek(0, SEEK_END))
    return spliced(file, [(0, last.start), size + last.name, (last.content, data_ends), bytes(4), (last.end, end)])


def _unpacked_sizes(file: BinaryIO) -> Iterator[int]:
    """Unpack the data piece by piece. Give the pieces' sizes; nothing is kept."""
    unpacking = zlib.decompressobj()
    for chunk in _data_chunks(file):
        packed = chunk.read(file)
        while packed and not unpacking.eof:
            yield len(unpacking.decompress(packed, _PIECE_BYTES))
            packed = unpacking.unconsumed_tail


def _data_chunks(file: BinaryIO) -> list[Chunk]:
    return [chunk for chunk in chunks_of(file) if chunk.name == b"IDAT"]


def _needed_bytes(file: BinaryIO) -> int:
    """Return the number of bytes of all rows, each with the byte of its filter (PNG 3rd edition, 7.2 and 8.1)."""
    file.seek(_HEADER_AT)
    header = file.read(_HEADER_BYTES)
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _CHANNELS[header[9]]
    passes = _PASSES if header[12] else ((0, 0, 1, 1),)
    sizes = [(-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes]
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0 and rows > 0)
