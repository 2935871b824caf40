"""Puts a WebP's chunks in order: libwebp refuses a file if a length in it is wrong or its metadata is cut.

A WebP is a RIFF file: a size, and chunks of a name and a length each (RFC 9649, 2.3 to 2.7).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

from raythumbs.errors import Truncated
from raythumbs.imaging.head_limits import MOST_PARTS, at_most
from raythumbs.imaging.mend.mended import Mended
from raythumbs.imaging.mend.spliced import Piece, spliced

WRONG_LENGTHS = "lengths in the file were wrong, or it ends before its metadata do"

_FIRST_CHUNK, _HEAD_BYTES = 12, 8
_EXTENDED, _EXIF, _FRAME, _ALPHA = b"VP8X", b"EXIF", b"ANMF", b"ALPH"
_PIXELS = (b"VP8 ", b"VP8L")
_PICTURES = {*_PIXELS, _FRAME}
_NAMES = {_EXTENDED, _EXIF, _FRAME, _ALPHA, *_PIXELS, b"ICCP", b"ANIM", b"XMP "}
_IS_ANIMATED = 0x02  # in the first byte of the chunk VP8X
_MOST_SEARCHED_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk: its name, the place and size of its content as announced, and whether all of it is in the file."""

    name: bytes
    content: int
    size: int
    is_whole: bool

    @property
    def end(self) -> int:
        """The place behind the content, which is padded to an even number of bytes."""
        return self.content + self.size + self.size % 2


def mend_webp(file: BinaryIO) -> Mended:
    """Return the WebP with right lengths and without what is cut. Frames behind the first may be cut, too.

    Raises Truncated if the file ends within the picture, and TooLarge if it has too many chunks.
    """
    file_bytes = file.seek(0, SEEK_END)
    file.seek(4)
    announced = int.from_bytes(file.read(4), "little") + _HEAD_BYTES
    chunks = list(_chunks(file, file_bytes))
    if _is_sound(chunks, announced, file_bytes) and not _is_wrongly_animated(chunks, file):
        return Mended(file)
    needed = [chunk for chunk in chunks if chunk.name in _NAMES and (chunk.is_whole or chunk.name == _EXIF)]
    if not any(chunk.name in _PICTURES for chunk in needed):
        if announced > file_bytes or any(chunk.name in _PICTURES for chunk in chunks):
            raise Truncated("the picture's data ends before the picture does")
        return Mended(file)  # it has no picture: the decoder will refuse it
    pieces = [piece for chunk in needed for piece in _pieces(chunk, file, file_bytes, chunks)]
    size = sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
    head = b"RIFF" + (size + 4).to_bytes(4, "little") + b"WEBP"
    return Mended(spliced(file, [head, *pieces]), (WRONG_LENGTHS,))


def _chunks(file: BinaryIO, file_bytes: int) -> Iterator[_Chunk]:
    at, count, has_picture = _FIRST_CHUNK, 0, False
    while at + _HEAD_BYTES <= file_bytes:
        count += 1
        at_most(count, MOST_PARTS, "chunks in the WebP")
        file.seek(at)
        head = file.read(_HEAD_BYTES)
        name, size = head[:4], int.from_bytes(head[4:], "little")
        content = at + _HEAD_BYTES
        chunk = _Chunk(name, content, size, is_whole=content + size <= file_bytes)
        yield chunk
        has_picture = has_picture or name in _PICTURES
        at = chunk.end if has_picture or _is_followed(chunk, file) else _next_pixels(file, content, chunk.end)


def _is_followed(chunk: _Chunk, file: BinaryIO) -> bool:
    """Return whether a chunk's name comes behind this chunk."""
    file.seek(chunk.end)
    name = file.read(4)
    return name in _NAMES or (len(name) == 4 and name.isalnum())  # noqa: PLR2004 letters of a name


def _next_pixels(file: BinaryIO, start: int, otherwise: int) -> int:
    """Return the place of the next chunk of pixels, behind a chunk of a wrong length."""
    file.seek(start)
    data = file.read(_MOST_SEARCHED_BYTES)
    found = [at for name in (*_PIXELS, _ALPHA, b"ANIM") if (at := data.find(name)) >= 0]
    return start + min(found) if found else otherwise


def _is_sound(chunks: Sequence[_Chunk], announced: int, file_bytes: int) -> bool:
    inside = [chunk for chunk in chunks if chunk.content - _HEAD_BYTES < announced]
    return (
        bool(inside)
        and inside[0].name in {*_PIXELS, _EXTENDED}
        and announced <= file_bytes
        and inside[-1].end == announced
        and all(one.end == other.content - _HEAD_BYTES for one, other in zip(chunks, inside[1:], strict=False))
    )


def _is_wrongly_animated(chunks: Sequence[_Chunk], file: BinaryIO) -> bool:
    """Return whether the file says that it is an animation, and has no frame."""
    if not chunks or chunks[0].name != _EXTENDED or any(chunk.name == _FRAME for chunk in chunks):
        return False
    return bool(_flags(file, chunks[0]) & _IS_ANIMATED)


def _flags(file: BinaryIO, chunk: _Chunk) -> int:
    file.seek(chunk.content)
    return int.from_bytes(file.read(1), "little")


def _pieces(chunk: _Chunk, file: BinaryIO, file_bytes: int, chunks: Sequence[_Chunk]) -> list[Piece]:
    """Return the pieces of one chunk, with a right length and padding."""
    size = min(chunk.size, file_bytes - chunk.content)
    head = chunk.name + size.to_bytes(4, "little")
    padding = b"\0" * (size % 2)
    if chunk.name == _EXTENDED and _is_wrongly_animated(chunks, file):
        head += bytes([_flags(file, chunk) & ~_IS_ANIMATED])
        return [head, (chunk.content + 1, chunk.content + size), padding]
    return [head, (chunk.content, chunk.content + size), padding]
