"""Refuses a file whose head is far longer than a photo's, before Pillow reads it.

Pillow reads a head in Python, at 1 to 3 microseconds for each segment, chunk or stray byte. Measured with Pillow 13.0:
100 MB of empty APP5 segments, of empty PNG chunks, of GIF comments of one byte or of the byte FF took more than 30 s
each. 100 MB of frame headers took 1.4 GB of memory, 12 million WebP chunks 5 s and 0.6 GB. All heads that pass here are
read in less than half a second.
"""

from io import SEEK_CUR, SEEK_END
from typing import BinaryIO

from raythumbs.errors import TooLarge

_MIB = 1 << 20
_MOST_PARTS = 1 << 12  # segments of a JPEG before its first scan; chunks of a PNG that hold no pixels
_MOST_STRAY_BYTES = 1 << 16  # between the parts of a head
_MOST_HEAD_BYTES = 32 * _MIB  # profiles, previews and depth maps of phones
_MOST_PARSED_BYTES = 4 * _MIB  # of those segments that Pillow takes apart: Exif and Photoshop's
_MOST_TABLE_BYTES = 1 << 16  # of a JPEG's other segments: frame, quantisation, Huffman
_MOST_CHUNKS = 1 << 16  # of a PNG or WebP; writers of PNG take 8 KiB of pixels for one
_MOST_SUB_BLOCKS = 1 << 16  # of a GIF, of at most 255 bytes each
_MOST_COMMENT_BYTES = _MIB // 2  # Pillow joins them block by block
_FILL_STRIDE = _MIB // 4

_PNG = b"\x89PNG\r\n\x1a\n"
_FILL, _SCAN, _EXIF, _PHOTOSHOP, _COMMENT = 0xFF, 0xDA, 0xE1, 0xED, 0xFE  # ITU-T T.81, table B.1
_APPLICATIONS = range(0xE0, 0xF0)
_WITHOUT_LENGTH = {*range(0xD0, 0xDA), 0x01}
_GIF_EXTENSION, _GIF_IMAGE, _GIF_COMMENT = 0x21, 0x2C, 0xFE  # GIF 89a, appendix A


def refuse_long_head(file: BinaryIO) -> None:
    """Raise TooLarge for a JPEG, PNG, GIF or WebP whose head takes a decoder longer than a photo's pixels do."""
    head = file.read(12)
    if head[:2] == b"\xff\xd8":
        _JpegHead(file).check()
        _refuse_fill_bytes(file)
    elif head.startswith(_PNG):
        _check_png(file)
    elif head[:4] == b"GIF8":
        _GifHead(file).check()
    elif head[:4] == b"RIFF" and head[8:] == b"WEBP":
        _check_webp(file)
    file.seek(0)


class _JpegHead:
    """The segments before the first scan, found as Pillow finds them (JpegImageFile._open)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._segments = 0
        self._stray_bytes = 0
        self._head_bytes = 0
        self._parsed_bytes = 0
        self._table_bytes = 0

    def check(self) -> None:
        self._file.seek(2)
        while byte := self._file.read(1):
            if byte[0] != _FILL:
                self._count_stray()
            elif self._ends_at(self._code()):
                return

    def _code(self) -> int:
        """Return the code of the marker whose first byte was read; 0 for none."""
        while (byte := self._file.read(1)) and byte[0] == _FILL:
            self._count_stray()
        return byte[0] if byte else 0

    def _ends_at(self, code: int) -> bool:
        self._segments += 1
        _at_most(self._segments, _MOST_PARTS, "segments before the JPEG's first scan")
        if code and code != _SCAN and code not in _WITHOUT_LENGTH:
            self._pass(code, int.from_bytes(self._file.read(2), "big") - 2)
        return code == _SCAN

    def _pass(self, code: int, size: int) -> None:
        self._file.seek(max(0, size), SEEK_CUR)
        self._head_bytes += size
        if code in {_EXIF, _PHOTOSHOP} and not self._is_xmp(code, size):
            self._parsed_bytes += size
        elif code not in _APPLICATIONS and code != _COMMENT:
            self._table_bytes += size
        _at_most(self._head_bytes, _MOST_HEAD_BYTES, "bytes before the JPEG's first scan")
        _at_most(self._parsed_bytes, _MOST_PARSED_BYTES, "bytes of Exif and Photoshop's data")
        _at_most(self._table_bytes, _MOST_TABLE_BYTES, "bytes of tables before the JPEG's first scan")

    def _is_xmp(self, code: int, size: int) -> bool:
        """Return whether the segment just passed is XMP, which shares its marker with Exif and may be long."""
        if code != _EXIF or size <= 0:
            return False
        self._file.seek(-size, SEEK_CUR)
        kind = self._file.read(4)
        self._file.seek(size - len(kind), SEEK_CUR)
        return kind == b"http"

    def _count_stray(self) -> None:
        self._stray_bytes += 1
        _at_most(self._stray_bytes, _MOST_STRAY_BYTES, "bytes between the JPEG's segments")


def _refuse_fill_bytes(file: BinaryIO) -> None:
    """Refuse a JPEG with a long run of the byte FF. Any number of it may stand before a marker; libjpeg, which Pillow
    feeds in pieces, reads the run again from its start with each piece."""
    for at in range(_FILL_STRIDE, file.seek(0, SEEK_END), _FILL_STRIDE):
        file.seek(at)
        if file.read(1) == b"\xff" and file.read(_FILL_STRIDE).count(b"\xff") == _FILL_STRIDE:
            raise TooLarge(f"the JPEG has more than {_FILL_STRIDE} fill bytes in a row")


def _check_png(file: BinaryIO) -> None:
    """Count the chunks up to the last one: Pillow reads those behind the pixels too."""
    chunks = others = other_bytes = 0
    file.seek(len(_PNG))
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":  # noqa: PLR2004 a length and a name
        size = int.from_bytes(head[:4], "big")
        file.seek(size + 4, SEEK_CUR)
        chunks += 1
        if head[4:] not in {b"IDAT", b"fdAT", b"fcTL"} or not size:
            others, other_bytes = others + 1, other_bytes + size
        _at_most(chunks, _MOST_CHUNKS, "chunks in the PNG")
        _at_most(others, _MOST_PARTS, "chunks without pixels in the PNG")
        _at_most(other_bytes, _MOST_HEAD_BYTES, "bytes in chunks without pixels in the PNG")


def _check_webp(file: BinaryIO) -> None:
    chunks = 0
    file.seek(12)
    while len(head := file.read(8)) == 8:  # noqa: PLR2004 a name and a length
        size = int.from_bytes(head[4:], "little")
        file.seek(size + size % 2, SEEK_CUR)
        chunks += 1
        _at_most(chunks, _MOST_CHUNKS, "chunks in the WebP")


class _GifHead:
    """The blocks before the first image, found as Pillow finds them (GifImageFile._seek)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._blocks = 0
        self._stray_bytes = 0
        self._comment_bytes = 0

    def check(self) -> None:
        self._file.seek(10)
        flags = self._file.read(1)
        if not flags:
            return
        self._file.seek(13 + (3 << (flags[0] & 7) + 1 if flags[0] & 0x80 else 0))
        while (byte := self._file.read(1)) and byte[0] != _GIF_IMAGE:
            if byte[0] == _GIF_EXTENSION:
                self._pass_extension(is_comment=self._file.read(1) == bytes([_GIF_COMMENT]))
            else:
                self._stray_bytes += 1
                _at_most(self._stray_bytes, _MOST_STRAY_BYTES, "bytes between the GIF's blocks")

    def _pass_extension(self, *, is_comment: bool) -> None:
        size = 1
        while size:
            size = int.from_bytes(self._file.read(1), "big")
            self._file.seek(size, SEEK_CUR)
            self._blocks += 1
            self._comment_bytes += size if is_comment else 0
            _at_most(self._blocks, _MOST_SUB_BLOCKS, "blocks before the GIF's first image")
            _at_most(self._comment_bytes, _MOST_COMMENT_BYTES, "bytes of comments in the GIF")


def _at_most(found: int, most: int, what: str) -> None:
    if found > most:
        raise TooLarge(f"there are more than {most} {what}")
