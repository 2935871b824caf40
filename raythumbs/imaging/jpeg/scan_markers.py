"""The markers of a JPEG behind its first scan's header (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from raythumbs.imaging.jpeg.heads import head_segments

# A marker is FF and neither a stuffed byte nor another FF (ITU-T T.81, B.1.1). Without restarts, a restart's marker
# ends the data like any other.
_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_RESTARTS, END_CODE, _SCAN, _RESTART_INTERVAL = range(0xD0, 0xD8), 0xD9, 0xDA, 0xDD
# What may follow a scan's data: tables, comments, applications' data, the height, another scan, the end (T.81, B.2.1).
_AFTER_DATA = {0xC4, 0xCC, 0xDB, 0xDC, 0xFE, _SCAN, _RESTART_INTERVAL, END_CODE, *range(0xE0, 0xF0)}
_WITHOUT_LENGTH = {*_RESTARTS, 0x01, 0xD8}
_MOST_MARKERS = 1 << 16  # as many restarts as a photo of 16 megapixels has at most
_PIECE_BYTES = 1 << 12  # restarts may be close together


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker behind the head: its place, its code, and whether the data of a scan comes before it.

    A stray one ends the data of a scan where it should go on, or stands behind bytes that belong to nothing.
    """

    place: int
    code: int
    ends_data: bool
    is_stray: bool

    @property
    def is_restart(self) -> bool:
        """Whether the scan goes on behind the marker."""
        return self.ends_data and self.code in _RESTARTS


def has_end(file: BinaryIO) -> bool:
    """Return whether there is an end marker behind the scans."""
    return any(marker.code == END_CODE for marker in markers(file))


def has_stray_marker(file: BinaryIO) -> bool:
    """Return whether a marker stands where no encoder writes it, so that a decoder may miss a part of a scan."""
    return any(marker.is_stray for marker in markers(file))


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
    at, in_scan, restart = head[-1].end, True, 0
    for _ in range(_MOST_MARKERS):
        found = _next_marker(file, at)
        if found is None:
            return
        place, code = found
        goes_on = in_scan and has_restarts and code in _RESTARTS
        is_next = code == _RESTARTS[restart] if goes_on else code in _AFTER_DATA
        yield Marker(place, code, in_scan, not is_next or not (in_scan or _is_filled(file, at, place)))
        restart = (restart + 1) % len(_RESTARTS) if goes_on else 0
        if code == END_CODE:
            return
        content = b"" if code in _WITHOUT_LENGTH else _content(file, place + 2)
        at = place + 2 + len(content)
        in_scan = goes_on or code == _SCAN
        has_restarts = any(content[2:]) if code == _RESTART_INTERVAL else has_restarts


def _is_filled(file: BinaryIO, at: int, place: int) -> bool:
    """Return whether there are only fill bytes between two places (T.81, B.1.1.2)."""
    file.seek(at)
    return place - at < _PIECE_BYTES and not file.read(place - at).strip(b"\xff")


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
