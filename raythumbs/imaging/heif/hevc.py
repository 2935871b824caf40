"""Finds out whether coded data of an item of kind hvc1 is missing (ISO/IEC 14496-15; ITU-T H.265)."""

from raythumbs.imaging.head_limits import MOST_PARTS, at_most
from raythumbs.imaging.heif.erased import has_erased_block

_KINDS_OF_SLICES = range(32)  # H.265, table 7-1
_KINDS_TO_CHECK = range(35)  # and parameter sets: not messages and fillers
_NEVER_IN_A_UNIT = b"\0\0\0"  # H.265, 7.4.2.1
_HEADER_BYTES = 2
_LENGTH_SIZE = 21  # place in hvcC; ISO/IEC 14496-15, 8.3.3.1.2


def lacks_slices(data: bytes, configuration: bytes) -> bool:
    """Return whether an item's data are not whole units, or lack slices, or have zeros or ones in place of some.

    `configuration` is the beginning of the item's property hvcC.
    """
    size_bytes = (configuration[_LENGTH_SIZE] & 3) + 1 if len(configuration) > _LENGTH_SIZE else 4
    at = units = slices = 0
    while at < len(data):
        start = at + size_bytes
        at = start + int.from_bytes(data[at:start], "big")
        if at < start + _HEADER_BYTES or at > len(data):
            return True
        kind = data[start] >> 1 & 63
        if kind in _KINDS_TO_CHECK and _is_overwritten(data, start, at):
            return True
        slices += kind in _KINDS_OF_SLICES
        units += 1
        at_most(units, MOST_PARTS, "units of coded data in the HEIC")
    return not slices


def _is_overwritten(data: bytes, start: int, end: int) -> bool:
    return data.find(_NEVER_IN_A_UNIT, start, end) >= 0 or has_erased_block(data, start, end)
