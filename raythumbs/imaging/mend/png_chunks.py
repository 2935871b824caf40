"""The chunks of a PNG, and what may be wrong with those that no pixel needs (PNG 3rd edition, 5 and 11)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

from raythumbs.imaging.head_limits import MOST_HEAD_BYTES, MOST_PARTS, at_most

_SIGNATURE_BYTES = 8
_HEAD_BYTES, _CHECKSUM_BYTES = 8, 4  # a length and a name; behind the content
_SMALL_LETTER = 0x20  # the bit by which ASCII's small letters differ from capitals
_PIXELS = {b"IDAT", b"fdAT"}
_FRAMES = {b"acTL", b"fcTL", b"fdAT"}
_EXIF_AS_TEXT = b"Raw profile type exif\0"
_LENGTHS = {b"pHYs": 9, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"tIME": 7}
_CLEAR_BYTES = {0: 2, 2: 6}  # of one transparent sample, for grey and for RGB; the key is the colour type
_PALETTE, _MOST_ENTRIES = 3, 256
_COLOUR_TYPE = 9  # its place in the header
_MOST_KEYWORD_BYTES, _MOST_TEXT_BYTES = 79, 1 << 16
_MOST_UNPACKED_BYTES = 4 << 20  # printers' profiles take more than 1 MiB
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its name, the place of its head, and the number of bytes of its content that are announced and there."""

    name: bytes
    start: int
    size: int
    is_whole: bool

    @property
    def content(self) -> int:
        """The place of the content."""
        return self.start + _HEAD_BYTES

    @property
    def end(self) -> int:
        """The place behind the checksum."""
        return self.content + self.size + _CHECKSUM_BYTES

    @property
    def is_optional(self) -> bool:
        """Whether a decoder may ignore the chunk: the first letter of its name is a small one."""
        return bool(self.name[0] & _SMALL_LETTER)

    def read(self, file: BinaryIO, most: int = -1) -> bytes:
        """Return the content, or its first bytes."""
        file.seek(self.content)
        return file.read(self.size if most < 0 else min(most, self.size))


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a chunk is left out. `note` is empty if nothing is wrong with it."""

    note: str = ""


def chunks_of(file: BinaryIO) -> Iterator[Chunk]:
    """Give the chunks up to the last one, or to bytes that are no chunk. Raises TooLarge if there are too many."""
    file_bytes = file.seek(0, SEEK_END)
    at, count, other_bytes = _SIGNATURE_BYTES, 0, 0
    name = b""
    while name != b"IEND":
        file.seek(at)
        head = file.read(_HEAD_BYTES)
        size, name = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < _HEAD_BYTES or not (name.isascii() and name.isalpha()):
            return
        chunk = Chunk(name, at, size, is_whole=at + _HEAD_BYTES + size + _CHECKSUM_BYTES <= file_bytes)
        count += 1
        other_bytes += 0 if name in _PIXELS else min(size, file_bytes - chunk.content)
        at_most(count, MOST_PARTS, "chunks in the PNG")
        at_most(other_bytes, MOST_HEAD_BYTES, "bytes in chunks without pixels in the PNG")
        yield chunk
        at = chunk.end


def fault_of(chunk: Chunk, file: BinaryIO, header: bytes) -> Fault | None:
    """Return why a chunk that no pixel needs is left out; None if it stays. `header` is the content of IHDR."""
    if chunk.name in _FRAMES or (chunk.is_whole and _is_long_text(chunk, file)):
        return Fault()
    what = f"the chunk {chunk.name.decode('ascii')} was ignored"
    if not chunk.is_whole:
        return Fault(f"{what}: the file ends in it")
    if not _has_right_checksum(chunk, file):
        return Fault(f"{what}: its checksum is wrong")
    if not _has_right_length(chunk, header):
        return Fault(f"{what}: its length is wrong")
    if chunk.name in {b"iCCP", b"zTXt"} and not _can_be_unpacked(chunk.read(file)):
        return Fault(f"{what}: it cannot be unpacked")
    return None


def _is_long_text(chunk: Chunk, file: BinaryIO) -> bool:
    """Return whether a chunk is text that is compressed or long. Exif that is written as text is of use."""
    if chunk.name == b"iTXt":
        _, _, flags = chunk.read(file, _MOST_KEYWORD_BYTES + 2).partition(b"\0")
        return flags[:1] != b"\0" or chunk.size > _MOST_TEXT_BYTES
    is_exif = chunk.read(file, len(_EXIF_AS_TEXT)) == _EXIF_AS_TEXT
    return not is_exif and (chunk.name == b"zTXt" or (chunk.name == b"tEXt" and chunk.size > _MOST_TEXT_BYTES))


def _has_right_checksum(chunk: Chunk, file: BinaryIO) -> bool:
    checksum = zlib.crc32(chunk.name)
    file.seek(chunk.content)
    left = chunk.size
    while left and (piece := file.read(min(left, _PIECE_BYTES))):
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    return file.read(_CHECKSUM_BYTES) == checksum.to_bytes(_CHECKSUM_BYTES, "big")


def _has_right_length(chunk: Chunk, header: bytes) -> bool:
    if chunk.name == b"tRNS" and len(header) > _COLOUR_TYPE:
        kind = header[_COLOUR_TYPE]
        return chunk.size <= _MOST_ENTRIES if kind == _PALETTE else chunk.size == _CLEAR_BYTES.get(kind, chunk.size)
    return chunk.size == _LENGTHS.get(chunk.name, chunk.size)


def _can_be_unpacked(content: bytes) -> bool:
    """Return whether the compressed part of a profile or of a text can be unpacked, and is no attack."""
    _, _, packed = content.partition(b"\0")
    if packed[:1] != b"\0":  # the only method there is
        return False
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed[1:], _MOST_UNPACKED_BYTES)
    except zlib.error:
        return False
    return not unpacking.unconsumed_tail
