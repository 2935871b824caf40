"""Reads a progressive JPEG scan by scan, and no further than it is asked to (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

BLOCK = 8  # the side, in pixels
COEFFICIENTS = 64
_BITS = 8  # of a sample
_FRAME_BYTES = 6  # of a frame's segment, before the list of components
_LENGTH_BYTES = 2  # a segment's length counts itself
_READ_BYTES = 256 * 1024
_MOST_HEADER_BYTES = 16 << 20  # tables, Exif, profiles, embedded previews
_MOST_TABLES_BYTES = 64 * 1024  # between two scans
_MOST_SEGMENTS = 1 << 13  # each takes some microseconds

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI, _COM = b"\xd8", b"\xd9", b"\xda", b"\xdb", b"\xc4", b"\xdd", b"\xfe"
_PROGRESSIVE_FRAME = b"\xc2"
_OF_APPLICATIONS = {bytes([number]) for number in range(0xE0, 0xF0)}
_BETWEEN_SCANS = {_DHT, _DRI, _COM, *_OF_APPLICATIONS}
_IN_HEADER = {_DQT, *_BETWEEN_SCANS}
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)  # stuffed bytes and restarts are part of the data

Coefficient = tuple[int, int]  # a component's id; the number of one of its 64 coefficients, in the file's order


class Unusual(Exception):
    """The file is not a usual progressive JPEG, or it ends here. It is no error: the whole file is decoded then."""


@dataclass(frozen=True, slots=True)
class Component:
    """A component's sampling factors across and down, and its 64 quantisation steps in the file's order."""

    across: int
    down: int
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes before the first scan, the picture's size in pixels, and the components by id."""

    header: bytes
    width: int
    height: int
    components: Mapping[int, Component]

    def blocks(self, component: Component) -> int:
        """Return the number of a component's blocks (T.81, A.1.1 and A.2.2)."""
        across = max(one.across for one in self.components.values())
        down = max(one.down for one in self.components.values())
        width = -(-self.width * component.across // across)
        height = -(-self.height * component.down // down)
        return -(-width // BLOCK) * -(-height // BLOCK)


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: it sends the coefficients `first` to `last`, down to the bit `low` (Ss, Se, Al).

    The bits down to `above` were sent before (Ah). `tables` and `data` are the places of the scan's bytes in the file;
    `Reader.bytes_at` returns the bytes.
    """

    tables: slice
    data: slice
    components: tuple[int, ...]
    first: int
    last: int
    above: int
    low: int

    @property
    def coefficients(self) -> Iterator[Coefficient]:
        """The coefficients that the scan sends."""
        return ((component, n) for component in self.components for n in range(self.first, self.last + 1))


@dataclass(slots=True)
class Reader:
    """Reads a file forward; `at` is the place up to which it was needed."""

    file: BinaryIO
    at: int = 0
    has_ended: bool = False  # whether the end marker was read
    _held: bytearray = field(default_factory=bytearray)
    _segments: int = 0

    def frame(self) -> Frame:
        """Read up to the first scan. Raises Unusual, as all methods do that read."""
        if self._take(2) != b"\xff" + _SOI:
            raise Unusual
        tables: dict[int, tuple[int, ...]] = {}
        frame = b""
        while (marker := self._marker()) != _SOS:
            segment = self._segment()
            if marker == _DQT:
                tables |= _quantisation(segment)
            elif marker == _PROGRESSIVE_FRAME and not frame:
                frame = segment
            elif marker not in _IN_HEADER or self.at > _MOST_HEADER_BYTES:
                raise Unusual
        self.at -= len(b"\xff" + _SOS)
        return _frame(frame, tables, bytes(self._held[: self.at]))

    def scans(self, frame: Frame) -> Iterator[Scan]:
        """Read the scans one by one. Each is given when what follows it was read, up to the next scan or the end.

        So a scan is not given if its data ends where it should go on.
        """
        tables_at, marker = self.at, self._tables()
        while marker == _SOS:
            scan_at = self.at - 2
            header = self._segment()
            self._pass_entropy_coded()
            scan = _scan(frame, header, slice(tables_at, scan_at), slice(scan_at, self.at))
            tables_at, marker = self.at, self._tables()
            self.has_ended = marker == _EOI
            yield scan

    def bytes_at(self, place: slice) -> memoryview:
        """Return bytes that were read, without a copy. Release all of them before you read on."""
        return memoryview(self._held)[place]

    def has_more(self) -> bool:
        """Return whether there are bytes behind those that were read."""
        return len(self._held) > self.at or bool(self.file.read(1))

    def _tables(self) -> bytes:
        """Read what stands between two scans; return the marker of the next scan, or of the end."""
        began = self.at
        while (marker := self._marker()) not in {_SOS, _EOI}:
            self._segment()
            if marker not in _BETWEEN_SCANS or self.at - began > _MOST_TABLES_BYTES:
                raise Unusual
        return marker

    def _marker(self) -> bytes:
        marker = self._take(2)
        while marker == b"\xff\xff":  # any number of these bytes may stand before a marker
            marker = b"\xff" + self._take(1)
        if marker[:1] != b"\xff":
            raise Unusual
        return marker[1:]

    def _segment(self) -> bytes:
        """Return the next segment's content."""
        size = int.from_bytes(self._take(2), "big")
        self._segments += 1
        if size < _LENGTH_BYTES or self._segments > _MOST_SEGMENTS:
            raise Unusual
        return self._take(size - _LENGTH_BYTES)

    def _pass_entropy_coded(self) -> None:
        looked = self.at
        while not (found := _MARKER.search(self._held, looked)):
            looked = max(self.at, len(self._held) - 1)
            self._hold(len(self._held) + 1)
        self.at = found.start()

    def _take(self, count: int) -> bytes:
        self._hold(self.at + count)
        self.at += count
        return bytes(self._held[self.at - count : self.at])

    def _hold(self, end: int) -> None:
        while len(self._held) < end:
            piece = self.file.read(_READ_BYTES)
            if not piece:
                raise Unusual
            self._held += piece


def _quantisation(segment: bytes) -> dict[int, tuple[int, ...]]:
    tables: dict[int, tuple[int, ...]] = {}
    while segment:
        wide, number = divmod(segment[0], 16)
        layout = struct.Struct(f">{COEFFICIENTS}{'H' if wide else 'B'}")
        try:
            tables[number] = layout.unpack_from(segment, 1)
        except struct.error as error:
            raise Unusual from error
        segment = segment[1 + layout.size :]
    return tables


def _frame(segment: bytes, tables: Mapping[int, tuple[int, ...]], header: bytes) -> Frame:
    try:
        precision, height, width, count = struct.unpack_from(">BHHB", segment)
        parts = list(struct.iter_unpack("BBB", segment[_FRAME_BYTES:]))
        components = {one: Component(factors >> 4, factors & 15, tables[table]) for one, factors, table in parts}
    except (struct.error, KeyError) as error:
        raise Unusual from error
    sampled = all(one.across and one.down for one in components.values())
    if precision != _BITS or not width or not height or not sampled or not len(parts) == len(components) == count > 0:
        raise Unusual
    return Frame(header, width, height, components)


def _scan(frame: Frame, header: bytes, tables: slice, data: slice) -> Scan:
    if not header or len(header) != 4 + 2 * header[0]:
        raise Unusual
    components = tuple(header[1 : 1 + 2 * header[0] : 2])
    first, last, bits = header[-3:]
    if not set(components) <= set(frame.components) or not first <= last < COEFFICIENTS:
        raise Unusual
    return Scan(tables, data, components, first, last, bits >> 4, bits & 15)
