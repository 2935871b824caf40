"""Reads the orientation out of Exif, and nothing else of it.

Pillow reads the first directory entry by entry, and gives up at the first one that is damaged. Other entries say
nothing about the orientation: browsers, libexif and this module find it by itself.
"""

import struct

_PREFIX = b"Exif\0\0"
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # TIFF 6.0, section 2
_ENTRY_BYTES = 12
_MOST_ENTRIES = 1 << 12
_ORIENTATION = 0x0112  # Exif 2.32, 4.6.4
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I"}  # a byte, a short (the right one), a long


def orientation_in(exif: bytes) -> int | None:
    """Return the value of the orientation's tag in the first directory; None if it has none that can be read."""
    start = 0
    while exif.startswith(_PREFIX, start):  # some programs write it twice
        start += len(_PREFIX)
    order = _ORDERS.get(exif[start : start + 4])
    if order is None:
        return None
    entries = _entries(exif[start:], order)
    for at in range(0, len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        tag, kind, count = struct.unpack_from(f"{order}HHI", entries, at)
        if tag == _ORIENTATION and kind in _WHOLE_NUMBERS and count == 1:
            [value] = struct.unpack_from(order + _WHOLE_NUMBERS[kind], entries, at + 8)
            return int(value)
    return None


def _entries(tiff: bytes, order: str) -> bytes:
    """Return the entries of the first directory, as far as they are there."""
    try:
        [place] = struct.unpack_from(f"{order}I", tiff, 4)
        [count] = struct.unpack_from(f"{order}H", tiff, place)
    except struct.error:
        return b""
    return tiff[place + 2 :][: min(count, _MOST_ENTRIES) * _ENTRY_BYTES]
