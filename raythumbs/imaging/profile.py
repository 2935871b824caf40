"""Checks that a colour profile holds the tables that it announces, before a library reads it (ICC.1:2022)."""

import struct
from math import prod

_HEADER_BYTES, _ENTRY_BYTES, _MOST_TAGS = 128, 12, 200
_TABLES = {b"mft1", b"mft2"}  # 10.10 and 10.11
_CURVES = {b"mAB ", b"mBA "}  # 10.12 and 10.13
_GRID_BYTES = 16


def holds_its_tables(profile: bytes) -> bool:
    """Return whether the profile is as long as its colour tables say. A library allocates the announced size."""
    try:
        [count] = struct.unpack_from(">I", profile, _HEADER_BYTES)
        starts = _HEADER_BYTES + 4
        places = [
            struct.unpack_from(">4x2I", profile, starts + _ENTRY_BYTES * n) for n in range(min(count, _MOST_TAGS))
        ]
        return count <= _MOST_TAGS and all(_samples(profile, start) <= len(profile) for start, _ in places)
    except struct.error:
        return False


def _samples(profile: bytes, start: int) -> int:
    """Return the number of samples in the table of the tag that begins there; 0 if it has no table."""
    kind = profile[start : start + 4]
    if kind in _TABLES:
        into, out, points = struct.unpack_from("BBB", profile, start + 8)
        return int(points**into * out)
    if kind in _CURVES:
        into, out = struct.unpack_from("BB", profile, start + 8)
        [table] = struct.unpack_from(">I", profile, start + 24)
        points_each = profile[start + table :][: min(into, _GRID_BYTES)] if table else b"\0"
        return prod(points_each) * int(out)
    return 0
