"""Finds out whether coded data of an item of kind av01 is missing (AV1 bitstream specification, 5.3 to 5.11)."""

from raythumbs.imaging.head_limits import MOST_PARTS, at_most
from raythumbs.imaging.heif.erased import has_erased_block

_TEMPORAL_DELIMITER, _TILE_GROUP, _METADATA, _FRAME, _TILE_LIST, _PADDING = 2, 4, 5, 6, 8, 15  # 6.2.2
_NOT_CHECKED = {_TEMPORAL_DELIMITER, _METADATA, _TILE_LIST, _PADDING}
_HAS_EXTENSION, _HAS_SIZE, _FORBIDDEN = 4, 2, 0x80
_MOST_SIZE_BYTES = 8  # 4.10.5, leb128

# AV1 forbids no row of zeros. The longest one in 200 pictures was of 56 bytes, in a night sky of 12 megapixels (libaom
# 3.14, every quality). A disk loses 512 bytes or more.
_TOO_MANY_ZEROS = bytes(512)
# The data of a picture's last tile end in a bit that is 1 (8.2.4). An encoder may fill up with zeros; libaom does not.
_TOO_MANY_ZEROS_AT_THE_END = bytes(16)


def lacks_frames(data: bytes) -> bool:
    """Return whether an item's data are not whole units, or lack a frame, or were overwritten by zeros or ones."""
    at = units = frames = 0
    while at < len(data):
        header = data[at]
        start, end = _unit(data, at)
        kind = header >> 3 & 15
        if header & _FORBIDDEN or end > len(data):
            return True
        if kind not in _NOT_CHECKED and (_has_zeros(data, start, end) or has_erased_block(data, start, end)):
            return True
        frames += kind in {_TILE_GROUP, _FRAME}
        at = end
        units += 1
        at_most(units, MOST_PARTS, "units of coded data in the AVIF")
    return not frames


def _unit(data: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the unit at this place starts and ends."""
    header, at = data[at], at + 1
    at += bool(header & _HAS_EXTENSION)
    if not header & _HAS_SIZE:
        return at, max(at, len(data))
    size = 0
    for place, byte in enumerate(data[at : at + _MOST_SIZE_BYTES]):
        size |= (byte & 0x7F) << 7 * place
        at += 1
        if not byte & 0x80:
            break
    return at, at + size


def _has_zeros(data: bytes, start: int, end: int) -> bool:
    return data.endswith(_TOO_MANY_ZEROS_AT_THE_END, start, end) or data.find(_TOO_MANY_ZEROS, start, end) >= 0
