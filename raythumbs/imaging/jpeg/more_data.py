"""A JPEG file with more data wherever its data ends, to find out where its pixels end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

from raythumbs.imaging.jpeg.heads import head_segments
from raythumbs.imaging.mend.spliced import Piece, spliced

END = b"\xff\xd9"

# A marker is FF and neither a stuffed byte nor another FF (ITU-T T.81, B.1.1). Without restarts, a restart's marker
# ends the data like any other.
_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_RESTARTS, _END_CODE, _SCAN, _RESTART_INTERVAL = range(0xD0, 0xD8), 0xD9, 0xDA, 0xDD
_WITHOUT_LENGTH = {*_RESTARTS, 0x01, 0xD8}
_BLOCKS = bytes(range(253, 0, -2))  # begins with ones: libjpeg goes on with zeros where data is missing
_MORE = _BLOCKS + b"".join(bytes([0xFF, 0xD0 + number]) + _BLOCKS for number in range(8))  # and between restarts
_MOST_MARKERS = 1 << 14  # twice as many as may be before the first scan
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker behind the head: its place, its code, and whether the data of a scan comes before it."""

    place: int
    code: int
    ends_data: bool

    @property
    def is_restart(self) -> bool:
        """Whether the scan goes on behind the marker."""
        return self.ends_data and self.code in _RESTARTS


def with_more_data(file: BinaryIO) -> BinaryIO:
    """Return the file with more data before each marker that ends data, and with an end marker. Nothing is copied.

    A decoder reads as many blocks as the picture has, and passes over what comes behind them. So more data changes a
    picture that lacks pixels, and changes nothing in a whole one.
    """
    return spliced(file, list(_pieces(file)))


def with_end(file: BinaryIO) -> BinaryIO:
    """Return the file with an end marker behind it. Nothing is copied."""
    return spliced(file, [(0, file.seek(0, SEEK_END)), END])


def has_end(file: BinaryIO) -> bool:
    """Return whether there is an end marker behind the scans."""
    return any(marker.code == _END_CODE for marker in markers(file))


def components_sent(file: BinaryIO) -> set[int]:
    """Return the ids of the components of all scans (T.81, B.2.3)."""
    first = [segment.start for segment in head_segments(file) if segment.code == _SCAN]
    places = first + [marker.place for marker in markers(file) if marker.code == _SCAN]
    sent: set[int] = set()
    for place in places:
        file.seek(place + 4)
        count = file.read(1)
        sent.update(file.read(2 * count[0] if count else 0)[::2])
    return sent


def markers(file: BinaryIO) -> Iterator[Marker]:
    """Give the markers behind the first scan's header, up to the end marker, as libjpeg finds them (jdmarker.c).

    No more are read than a photo has.
    """
    head = head_segments(file)
    if not head or head[-1].code != _SCAN:
        return
    has_restarts = any(segment.code == _RESTART_INTERVAL and any(segment.read(file)) for segment in head)
    at, in_scan = head[-1].end, True
    for _ in range(_MOST_MARKERS):
        found = _next_marker(file, at)
        if found is None:
            return
        place, code = found
        goes_on = in_scan and has_restarts and code in _RESTARTS
        yield Marker(place, code, in_scan)
        if code == _END_CODE:
            return
        content = b"" if code in _WITHOUT_LENGTH else _content(file, place + 2)
        at = place + 2 + len(content)
        in_scan = goes_on or code == _SCAN
        has_restarts = any(content[2:]) if code == _RESTART_INTERVAL else has_restarts


def _pieces(file: BinaryIO) -> Iterator[Piece]:
    at, code = 0, 0
    for marker in markers(file):
        code = marker.code
        if marker.ends_data:
            yield at, marker.place
            at = marker.place
            yield _stuffed(file, at, _BLOCKS if marker.is_restart else _MORE)
    size = max(at, file.seek(0, SEEK_END))
    yield at, size
    if code != _END_CODE:
        yield _stuffed(file, size, _MORE) + END


def _stuffed(file: BinaryIO, place: int, more: bytes) -> bytes:
    """Return data that is to be put there. A byte FF before it becomes data too: it would be half a marker."""
    file.seek(place - 1)
    return b"\0" + more if file.read(1) == b"\xff" else more


def _content(file: BinaryIO, place: int) -> bytes:
    """Return the length and the content of the segment whose length is there."""
    file.seek(place)
    length = file.read(2)
    return length + file.read(max(0, int.from_bytes(length, "big") - 2))


def _next_marker(file: BinaryIO, at: int) -> tuple[int, int] | None:
    """Return the place and the code of the first marker from `at` on."""
    file.seek(at)
    held = b""
    while piece := file.read(_PIECE_BYTES):
        held += piece
        if found := _MARKER.search(held):
            return at + found.start(), found[1][0]
        at += len(held) - 1
        held = held[-1:]  # the first byte of a marker may be the last of a piece
    return None
