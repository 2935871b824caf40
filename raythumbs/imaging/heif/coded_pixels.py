"""How many pixels a HEIC or AVIF decodes to, before it is cut: a crop to one pixel saves a decoder nothing."""

import struct
from typing import BinaryIO

from raythumbs.imaging.heif.geometry import coded_size
from raythumbs.imaging.heif.meta import Meta, read_meta
from raythumbs.imaging.heif.needed import needed_items

_TILES_AT_A_TIME = 4  # of pillow_heif's options: DECODE_THREADS


def coded_pixels(file: BinaryIO) -> int:
    """Return the pixels of the picture or of the tiles that are decoded at one time, whichever are more.

    Returns 0 if the file does not say. The file's place is kept.
    """
    before = file.tell()
    try:
        meta = read_meta(file)
    except struct.error:
        meta = None
    file.seek(before)
    if meta is None:
        return 0
    tiles = sorted(_area(meta, item) for item in needed_items(meta) if item != meta.primary)
    return max(_area(meta, meta.primary), sum(tiles[-_TILES_AT_A_TIME:]))


def _area(meta: Meta, item: int) -> int:
    width, height = coded_size(meta, item) or (0, 0)
    return width * height
