"""Leaves out the extensions of a GIF that no pixel needs (GIF 89a, 23 to 26). Pillow loses its way in an empty one.

A GIF with far more blocks before its first picture than any photo is refused: Pillow reads them in Python, at 1 to 3
microseconds each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END
from typing import BinaryIO

from raythumbs.imaging.head_limits import MIB, MOST_PARTS, MOST_STRAY_BYTES, at_most
from raythumbs.imaging.mend.mended import Mended
from raythumbs.imaging.mend.spliced import Piece, spliced

TOO_SHORT = "the GIF's control extension was ignored: it is too short"

_EXTENSION, _IMAGE, _COMMENT, _CONTROL = 0x21, 0x2C, 0xFE, 0xF9  # appendix A
_FLAGS_AT, _SCREEN_BYTES, _HAS_COLOURS, _COLOURS = 10, 13, 0x80, 0x07
_CONTROL_BYTES = 4
_MOST_COMMENT_BYTES = MIB // 2  # Pillow joins a GIF's comments block by block


@dataclass(frozen=True, slots=True)
class _Extension:
    """An extension: the kind, the places of its start and end, and the size of its first block."""

    kind: int
    start: int
    end: int
    first_bytes: int


def mend_gif(file: BinaryIO) -> Mended:
    """Return the GIF with no extensions but the control extension. Raises TooLarge for too many blocks."""
    left_out = [one for one in _Head(file).extensions() if one.kind != _CONTROL or one.first_bytes < _CONTROL_BYTES]
    if not left_out:
        return Mended(file)
    starts = [0, *(one.end for one in left_out)]
    ends = [*(one.start for one in left_out), file.seek(0, SEEK_END)]
    pieces: list[Piece] = [(start, max(start, end)) for start, end in zip(starts, ends, strict=True)]
    is_short = any(one.kind == _CONTROL for one in left_out)
    return Mended(spliced(file, pieces), (TOO_SHORT,) if is_short else ())


class _Head:
    """The blocks before the first image, found in the same way as Pillow finds them (GifImageFile._seek)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._blocks = 0
        self._stray_bytes = 0
        self._comment_bytes = 0

    def extensions(self) -> Iterator[_Extension]:
        self._file.seek(_FLAGS_AT)
        flags = self._file.read(1)
        colours = 3 << (flags[0] & _COLOURS) + 1 if flags and flags[0] & _HAS_COLOURS else 0
        self._file.seek(_SCREEN_BYTES + colours)
        while (byte := self._file.read(1)) and byte[0] != _IMAGE:
            if byte[0] == _EXTENSION:
                yield self._extension(self._file.tell() - 1)
            else:
                self._stray_bytes += 1
                at_most(self._stray_bytes, MOST_STRAY_BYTES, "bytes between the GIF's blocks")

    def _extension(self, start: int) -> _Extension:
        kind = int.from_bytes(self._file.read(1), "big")
        first = size = self._block(kind)
        while size:
            size = self._block(kind)
        return _Extension(kind, start, self._file.tell(), first)

    def _block(self, kind: int) -> int:
        """Pass over a block, and return its size."""
        size = int.from_bytes(self._file.read(1), "big")
        self._file.seek(size, SEEK_CUR)
        self._blocks += 1
        self._comment_bytes += size if kind == _COMMENT else 0
        at_most(self._blocks, MOST_PARTS, "blocks before the GIF's first image")
        at_most(self._comment_bytes, _MOST_COMMENT_BYTES, "bytes of comments in the GIF")
        return size
