"""The PNG decoder in C as Python sees it: chunks are read and unpacked here, and their rows become pixels in C.

Neither all of the file nor all of its unpacked data is ever in memory. The checksum at the end of the data tells
whether it is sound. Those of its chunks do not count, as with Pillow.
"""

import struct
from collections.abc import Iterator
from ctypes import CDLL, c_uint16
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from typing import BinaryIO

from PIL import Image, ImageFile, ImagePalette

from raythumbs.imaging.colour import resampleable
from raythumbs.imaging.mend.png_chunks import Chunk, chunks_of
from raythumbs.imaging.native.library import loaded
from raythumbs.imaging.native.memory import new_picture
from raythumbs.imaging.png.target import Target
from raythumbs.imaging.png.unpacking import ERRORS, Unpacking, new_unpacking

_HEADER_AT = 16  # IHDR is the first chunk
_HEADER = struct.Struct(">2I5B")
_LARGEST_SIDE = 1 << 24  # of native/png/decode.c
_GREY, _RGB, _PALETTE = 0, 2, 3  # colour types without alpha
_PIECE_BYTES, _UNPACKED_BYTES = 1 << 16, 1 << 17
_TOLD_LATE = {b"iCCP", b"tRNS"}  # Pillow heeds them behind the pixels, too


@dataclass(frozen=True, slots=True)
class _Head:
    size: tuple[int, int]
    bits: int
    kind: int
    interlaced: bool

    @classmethod
    def of(cls, file: BinaryIO) -> "_Head":
        file.seek(_HEADER_AT)
        width, height, bits, kind, _, _, interlaced = _HEADER.unpack(file.read(_HEADER.size))
        return cls((width, height), bits, kind, bool(interlaced))

    @property
    def is_for_us(self) -> bool:
        return not self.interlaced and max(self.size) <= _LARGEST_SIDE


def decoded(picture: ImageFile.ImageFile, file: BinaryIO, target: Target) -> Image.Image | None:
    """Return the pixels of a PNG, of which only the header is read, as L, RGB or RGBA of the target's size.

    Returns None for a file that is left to Pillow: because it is interlaced, or not sound, or has a transparent colour
    that no pixel can have, or because the library is not there. Raises MemoryError.
    """
    library, head, chunks = loaded(), _Head.of(file), _data_chunks(file)
    clear = _clear(picture, head)
    if library is None or not head.is_for_us or head.size != picture.size or not chunks or clear is None:
        return None
    table = _table(picture) if head.kind == _PALETTE else None
    mode = table.mode if table else _mode(head, clear)
    memory = new_picture(mode, target.size)
    png = library.raythumbs_begin_png(
        *head.size, head.bits, head.kind,
        table.convert("RGBA").tobytes() if table else None, mode == "RGBA",
        (c_uint16 * len(clear))(*clear) if clear else None,
        target.kernel, memory.address, memory.bytes, *target.size,
    )  # fmt: skip
    if not png:
        raise MemoryError
    try:
        is_sound = _take(library, png, _packed(file, chunks))
    finally:
        is_whole = library.raythumbs_end_png(png)
    return memory.picture if is_sound and is_whole else None


def _mode(head: _Head, clear: tuple[int, ...]) -> str:
    if clear or head.kind not in {_GREY, _RGB}:
        return "RGBA"
    return "L" if head.kind == _GREY else "RGB"


def _clear(picture: ImageFile.ImageFile, head: _Head) -> tuple[int, ...] | None:
    """Return the samples of the transparent colour, none if there is no such colour; None if no pixel can have it."""
    told = picture.info.get("transparency")
    if told is None or head.kind not in {_GREY, _RGB}:
        return ()
    samples = (min(told, 1) if head.bits == 1 else told,) if isinstance(told, int) else tuple(told)
    return samples if max(samples) < 1 << head.bits else None


def _table(picture: ImageFile.ImageFile) -> Image.Image:
    """Return the 256 colours of the palette, as pixels of RGB or RGBA."""
    entries = Image.frombytes("P", (256, 1), bytes(range(256)))
    if picture.palette:
        entries.palette = ImagePalette.raw(*picture.palette.getdata())
        entries.palette.mode = "RGB"
    if "transparency" in picture.info:
        entries.info["transparency"] = picture.info["transparency"]
    return resampleable(entries)


def _data_chunks(file: BinaryIO) -> list[Chunk]:
    """Return the chunks of the pixels, which follow one another; none if one is cut, or if more that counts follows."""
    chunks = list(dropwhile(lambda chunk: chunk.name != b"IDAT", chunks_of(file)))
    data = list(takewhile(lambda chunk: chunk.name == b"IDAT", chunks))
    may_matter = (chunk for chunk in chunks[len(data) :] if not chunk.is_optional or chunk.name in _TOLD_LATE)
    is_sound = all(chunk.is_whole for chunk in data) and all(chunk.name == b"IEND" for chunk in may_matter)
    return data if is_sound else []


def _packed(file: BinaryIO, chunks: list[Chunk]) -> Iterator[bytes]:
    """Give the compressed data in pieces. Small chunks are joined."""
    joined = b""
    for chunk in chunks:
        for at in range(0, chunk.size, _PIECE_BYTES):
            file.seek(chunk.content + at)
            joined += file.read(min(_PIECE_BYTES, chunk.size - at))
            if len(joined) >= _PIECE_BYTES:
                yield joined
                joined = b""
    yield joined


def _take(library: CDLL, png: int, pieces: Iterator[bytes]) -> bool:
    """Hand the unpacked data over. Return whether it is sound, and ends where it says and with the file's data."""
    unpacking = new_unpacking()
    try:
        for piece in pieces:
            if unpacking.eof and piece:
                return False
            for rows in _unpacked(unpacking, piece):
                if not library.raythumbs_take_png(png, rows, len(rows)):
                    return False
    except ERRORS:
        return False
    return unpacking.eof and not unpacking.unused_data


def _unpacked(unpacking: Unpacking, piece: bytes) -> Iterator[bytes]:
    while rows := unpacking.decompress(piece, _UNPACKED_BYTES):
        yield rows
        piece = unpacking.unconsumed_tail
        if unpacking.eof or (not piece and len(rows) < _UNPACKED_BYTES):
            return
