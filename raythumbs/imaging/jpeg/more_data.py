"""A JPEG file with more data wherever its data ends, to find out where its pixels end."""

from collections.abc import Iterator
from io import SEEK_END
from typing import BinaryIO

from raythumbs.imaging.jpeg.scan_markers import END_CODE, markers
from raythumbs.imaging.mend.spliced import Piece, spliced

END = b"\xff\xd9"

_BLOCKS = bytes(range(253, 0, -2))  # begins with ones: libjpeg goes on with zeros where data is missing
_MORE = _BLOCKS + b"".join(bytes([0xFF, 0xD0 + number]) + _BLOCKS for number in range(8))  # and between restarts


def with_more_data(file: BinaryIO) -> BinaryIO:
    """Return the file with more data before each marker that ends data, and with an end marker. Nothing is copied.

    A decoder reads as many blocks as the picture has, and passes over what comes behind them. So more data changes a
    picture that lacks pixels, and changes nothing in a whole one.
    """
    return spliced(file, list(_pieces(file)))


def with_end(file: BinaryIO) -> BinaryIO:
    """Return the file with an end marker behind it. Nothing is copied."""
    return spliced(file, [(0, file.seek(0, SEEK_END)), END])


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
    if code != END_CODE:
        yield _stuffed(file, size, _MORE) + END


def _stuffed(file: BinaryIO, place: int, more: bytes) -> bytes:
    """Return data that is to be put there. A byte FF before it becomes data too: it would be half a marker."""
    file.seek(place - 1)
    return b"\0" + more if file.read(1) == b"\xff" else more
