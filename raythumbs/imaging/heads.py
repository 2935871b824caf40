"""Refuses a file whose head is far longer than a photo's, before Pillow reads it.

Pillow reads a head in Python, at 1 to 3 microseconds for each segment, chunk or stray byte. Measured with Pillow 13.0:
100 MB of empty APP5 segments, of empty PNG chunks, of GIF comments of one byte or of the byte FF took more than 30 s
each. 100 MB of frame headers took 1.4 GB of memory, 12 million WebP chunks 5 s and 0.6 GB. Each head that passes this
check is read in less than a second. `mend` counts the parts of a JPEG and a PNG, because
it reads them first.
"""

from io import SEEK_CUR
from typing import BinaryIO

from raythumbs.imaging.head_limits import MIB, MOST_PARTS, MOST_STRAY_BYTES, at_most

_MOST_COMMENT_BYTES = MIB // 2  # Pillow joins a GIF's comments block by block

_GIF_EXTENSION, _GIF_IMAGE, _GIF_COMMENT = 0x21, 0x2C, 0xFE  # GIF 89a, appendix A


def refuse_long_head(file: BinaryIO) -> None:
    """Raise TooLarge for a GIF or WebP whose head takes a decoder longer than a photo's pixels do."""
    head = file.read(12)
    if head[:4] == b"GIF8":
        _GifHead(file).check()
    elif head[:4] == b"RIFF" and head[8:] == b"WEBP":
        _check_webp(file)
    file.seek(0)


def _check_webp(file: BinaryIO) -> None:
    chunks = 0
    file.seek(12)
    while len(head := file.read(8)) == 8:  # noqa: PLR2004 a name and a length
        size = int.from_bytes(head[4:], "little")
        file.seek(size + size % 2, SEEK_CUR)
        chunks += 1
        at_most(chunks, MOST_PARTS, "chunks in the WebP")


class _GifHead:
    """The blocks before the first image, found in the same way as Pillow finds them (GifImageFile._seek)."""

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
                at_most(self._stray_bytes, MOST_STRAY_BYTES, "bytes between the GIF's blocks")

    def _pass_extension(self, *, is_comment: bool) -> None:
        size = 1
        while size:
            size = int.from_bytes(self._file.read(1), "big")
            self._file.seek(size, SEEK_CUR)
            self._blocks += 1
            self._comment_bytes += size if is_comment else 0
            at_most(self._blocks, MOST_PARTS, "blocks before the GIF's first image")
            at_most(self._comment_bytes, _MOST_COMMENT_BYTES, "bytes of comments in the GIF")
