"""The segments of a JPEG before its first scan. A head that Pillow takes longer to read than the pixels is refused.

See raythumbs/imaging/head_limits.py for what was measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from raythumbs.errors import TooLarge
from raythumbs.imaging.head_limits import MIB, MOST_HEAD_BYTES, MOST_PARTS, MOST_STRAY_BYTES, at_most

_MOST_PARSED_BYTES = 4 * MIB  # of the segments that Pillow parses: Exif and Photoshop's
_MOST_EXIF_SEGMENTS = 1 << 8  # Pillow joins them one by one
_MOST_TABLE_BYTES = 1 << 16  # of the other segments: frame, quantisation, Huffman
_FILL_STRIDE = MIB // 4

_FILL, _SCAN, _EXIF, _PHOTOSHOP, _COMMENT = 0xFF, 0xDA, 0xE1, 0xED, 0xFE  # ITU-T T.81, table B.1
_APPLICATIONS = range(0xE0, 0xF0)
_WITHOUT_LENGTH = {*range(0xD0, 0xDA), 0x01}


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment: the code of its marker, the place of the marker, and the place and size of its content.

    `size` is what the segment announces; a marker without content has 0.
    """

    code: int
    start: int
    content: int
    size: int

    @property
    def end(self) -> int:
        """The place behind the content."""
        return self.content + self.size

    def read(self, file: BinaryIO, most: int = -1) -> bytes:
        """Return the content, or its first bytes."""
        file.seek(self.content)
        return file.read(self.size if most < 0 else min(most, self.size))


def head_segments(file: BinaryIO) -> list[Segment]:
    """Return the segments up to the first scan's header, or to the end of a file without a scan.

    Raises TooLarge for a JPEG with too many segments, bytes or fill bytes before its pixels.
    """
    return list(_Head(file).segments())


def refuse_fill_bytes(file: BinaryIO, end: int) -> None:
    """Raise TooLarge for a JPEG with a long run of the byte FF before `end`.

    Any number of these bytes may stand before a marker. Pillow feeds libjpeg in pieces, and with each piece libjpeg
    reads the run again from its start.
    """
    for at in range(_FILL_STRIDE, end, _FILL_STRIDE):
        file.seek(at)
        if file.read(1) == b"\xff" and file.read(_FILL_STRIDE).count(b"\xff") == _FILL_STRIDE:
            raise TooLarge(f"the JPEG has more than {_FILL_STRIDE} fill bytes in a row")


class _Head:
    """The segments before the first scan, found in the same way as Pillow finds them (JpegImageFile._open)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._segments = 0
        self._stray_bytes = 0
        self._head_bytes = 0
        self._parsed_bytes = 0
        self._exif_segments = 0
        self._table_bytes = 0

    def segments(self) -> Iterator[Segment]:
        at = self._file.seek(2)
        code = 0
        while code != _SCAN and (byte := self._file.read(1)):
            if byte[0] != _FILL:
                self._count_stray()
                at += 1
            else:
                start, code = at, self._code()
                content = self._file.tell()
                size = self._size_of(code)
                content += 0 if code in _WITHOUT_LENGTH or not code else 2
                yield Segment(code, start, content, size)
                at = self._file.seek(content + size)

    def _code(self) -> int:
        """Return the code of the marker whose first byte was read; 0 if there is none."""
        while (byte := self._file.read(1)) and byte[0] == _FILL:
            self._count_stray()
        return byte[0] if byte else 0

    def _size_of(self, code: int) -> int:
        """Return the size of the content of the segment whose marker was read."""
        self._segments += 1
        at_most(self._segments, MOST_PARTS, "segments before the JPEG's first scan")
        if not code or code in _WITHOUT_LENGTH:
            return 0
        size = max(0, int.from_bytes(self._file.read(2), "big") - 2)
        if code != _SCAN:
            self._count(code, size)
        return size

    def _count(self, code: int, size: int) -> None:
        self._head_bytes += size
        if code in {_EXIF, _PHOTOSHOP} and not self._is_xmp(code, size):
            self._parsed_bytes += size
            self._exif_segments += code == _EXIF
        elif code not in _APPLICATIONS and code != _COMMENT:
            self._table_bytes += size
        at_most(self._head_bytes, MOST_HEAD_BYTES, "bytes before the JPEG's first scan")
        at_most(self._exif_segments, _MOST_EXIF_SEGMENTS, "segments of Exif")
        at_most(self._parsed_bytes, _MOST_PARSED_BYTES, "bytes of Exif and Photoshop's data")
        at_most(self._table_bytes, _MOST_TABLE_BYTES, "bytes of tables before the JPEG's first scan")

    def _is_xmp(self, code: int, size: int) -> bool:
        """Return whether the segment whose length was just read is XMP. It has the marker of Exif, and may be long."""
        return code == _EXIF and size > 0 and self._file.read(4) == b"http"

    def _count_stray(self) -> None:
        self._stray_bytes += 1
        at_most(self._stray_bytes, MOST_STRAY_BYTES, "bytes between the JPEG's segments")
