"""Whether pixels of a JPEG in a TIFF are missing: whether a strip's or tile's data end before its pixels do.

libjpeg makes such pixels grey and only warns, and neither libtiff nor Pillow passes the warning on.
"""

from io import BytesIO
from itertools import zip_longest
from typing import BinaryIO, cast

from PIL import JpegImagePlugin

from raythumbs.imaging.jpeg.missing_rows import may_lack_pixels, sound_rows
from raythumbs.imaging.jpeg.more_data import with_more_data
from raythumbs.imaging.jpeg.scale import ALL_EIGHTHS
from raythumbs.imaging.probe import probe
from raythumbs.imaging.tiff.picture import TiffPicture
from raythumbs.imaging.tiff.tags import Compression

_TABLES = 347  # tables that all strips share (TIFF Technical Note 2)
_START, _END = b"\xff\xd8", b"\xff\xd9"
_TAIL_BYTES = 16  # some writers fill up a strip behind its end
_MOST_TABLES_BYTES = 1 << 16
_MOST_OPEN_STRIPS = 64  # that are decoded a second time


def lacks_strips(picture: TiffPicture, file: BinaryIO) -> bool:
    """Return whether a strip of JPEG lacks pixels. Only a strip that has no end can lack any; it is decoded again."""
    if picture.layout.compression is not Compression.JPEG:
        return False
    tables = picture.tag_v2.get(_TABLES)
    start = tables[: -len(_END)] if isinstance(tables, bytes) and len(tables) <= _MOST_TABLES_BYTES else _START
    places = zip_longest(picture.layout.offsets, picture.layout.sizes, fillvalue=0)
    open_strips = [(offset, size) for offset, size in places if not _has_end(file, offset, size)]
    return len(open_strips) > _MOST_OPEN_STRIPS or any(
        _lacks_pixels(start + _read(file, offset + len(_START), size - len(_START)) + _END)
        for offset, size in open_strips
    )


def _has_end(file: BinaryIO, offset: int, size: int) -> bool:
    tail = min(size, _TAIL_BYTES)
    return _END in _read(file, offset + size - tail, tail)


def _lacks_pixels(jpeg: bytes) -> bool:
    file = BytesIO(jpeg)
    picture = _decoded(file)
    return (
        may_lack_pixels(picture) and sound_rows(picture, _decoded(with_more_data(file)), ALL_EIGHTHS) < picture.height
    )


def _decoded(file: BinaryIO) -> JpegImagePlugin.JpegImageFile:
    picture = cast("JpegImagePlugin.JpegImageFile", probe(file))
    picture.load()
    return picture


def _read(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(max(size, 0))
