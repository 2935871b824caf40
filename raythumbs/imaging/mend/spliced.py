"""One file out of pieces of another file and of bytes: a part is left out or replaced, and nothing is copied."""

from bisect import bisect_right
from collections.abc import Sequence
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from itertools import accumulate
from typing import BinaryIO

Piece = tuple[int, int] | bytes  # from where to where in the other file; or the bytes themselves


def spliced(file: BinaryIO, pieces: Sequence[Piece]) -> BinaryIO:
    """Return the pieces, one after the other, as a file that is only read. Pieces of `file` are read when asked for."""
    return BufferedReader(_Spliced(file, [piece for piece in pieces if _length(piece)]))


class _Spliced(RawIOBase):
    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        self._file = file
        self._pieces = pieces
        self._starts = list(accumulate((_length(piece) for piece in pieces), initial=0))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise OSError(f"no file has a place {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        number = bisect_right(self._starts, self._at) - 1
        if number >= len(self._pieces):
            return 0
        piece, within = self._pieces[number], self._at - self._starts[number]
        size = min(len(buffer), _length(piece) - within)
        data = piece[within : within + size] if isinstance(piece, bytes) else self._read(piece[0] + within, size)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, place: int, size: int) -> bytes:
        self._file.seek(place)
        return self._file.read(size)


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
