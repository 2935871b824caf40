"""A JPEG file with more data before its end marker, to find out whether its pixels are missing."""

import re
from io import SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from typing import BinaryIO

_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # neither a stuffed byte nor a restart (ITU T.81, B.1.1)
_END = b"\xd9"
_BLOCKS = bytes(range(1, 255, 2))
_MORE = _BLOCKS + b"".join(bytes([0xFF, 0xD0 + number]) + _BLOCKS for number in range(8))  # and between restarts
_MOST_SEGMENTS = 1 << 13  # twice as many as may be before the first scan
_PIECE_BYTES = 1 << 16


def with_more_data(file: BinaryIO) -> BinaryIO | None:
    """Return the file with more data before its end marker; None if it has no such marker. The file is not copied."""
    end = _end_marker(file)
    return None if end is None else BufferedReader(_Spliced(file, end, _MORE))


def _end_marker(file: BinaryIO) -> int | None:
    """Return the place of the end marker; None if there is none within as many segments as a photo has."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        found = _next_marker(file, at)
        if found is None:
            return None
        place, code = found
        if code == _END:
            return place
        file.seek(place + 2)
        at = place + 2 + int.from_bytes(file.read(2), "big")
    return None


def _next_marker(file: BinaryIO, at: int) -> tuple[int, bytes] | None:
    """Return the place and the code of the first marker from `at` on."""
    file.seek(at)
    held = b""
    while piece := file.read(_PIECE_BYTES):
        held += piece
        if found := _MARKER.search(held):
            return at + found.start(), found[1]
        at += len(held) - 1
        held = held[-1:]  # the first byte of a marker may be the last of a piece
    return None


class _Spliced(RawIOBase):
    """A file with some bytes inserted at `place`."""

    def __init__(self, file: BinaryIO, place: int, more: bytes) -> None:
        self._file = file
        self._more = more
        self._start, self._end = place, place + len(more)
        self._size = file.seek(0, SEEK_END) + len(more)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = max(0, offset + {0: 0, 1: self._at, 2: self._size}[whence])
        return self._at

    def readinto(self, room: memoryview) -> int:  # type: ignore[override] # typeshed has any buffer
        if self._start <= self._at < self._end:
            data = self._more[self._at - self._start :][: len(room)]
        else:
            before = self._at < self._start
            self._file.seek(self._at if before else self._at - len(self._more))
            data = self._file.read(min(len(room), self._start - self._at) if before else len(room))
        room[: len(data)] = data
        self._at += len(data)
        return len(data)
