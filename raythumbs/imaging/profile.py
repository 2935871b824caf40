"""What a colour profile says of itself, read before a library reads it (ICC.1:2022)."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from math import prod

from PIL import ImageCms

_HEADER_BYTES, _ENTRY_BYTES, _MOST_TAGS = 128, 12, 200
_TABLES = {b"mft1", b"mft2"}  # 10.10 and 10.11
_CURVES = {b"mAB ", b"mBA "}  # 10.12 and 10.13
_GRID_BYTES = 16
_INTENT = slice(64, 68)  # 7.2.15
_INTENTS = {0: ImageCms.Intent.PERCEPTUAL, 2: ImageCms.Intent.SATURATION}


def holds_its_tables(profile: bytes) -> bool:
    """Return whether the profile is as long as its colour tables say. A library allocates the announced size."""
    try:
        return all(_samples(profile, start) <= len(profile) for _, start in _tags(profile))
    except struct.error:
        return False


def rendering_intent(profile: bytes) -> ImageCms.Intent:
    """Return the intent that the profile asks for: perceptual, saturation, or else relative colorimetric.

    A profile that asks for absolute colorimetry gets the relative one, as browsers do it: the white of a thumbnail is
    the white of the page around it, and not that of the paper.
    """
    intent = int.from_bytes(profile[_INTENT], "big") & 0xFFFF  # the upper half means nothing
    return _INTENTS.get(intent, ImageCms.Intent.RELATIVE_COLORIMETRIC)


def profile_code_points(profile: bytes) -> tuple[int, int] | None:
    """Return the numbers of the primaries and of the transfer in ITU-T H.273, if a profile has them (9.2.17, 10.3)."""
    with suppress(struct.error):
        for name, start in _tags(profile):
            if name == b"cicp":
                _, space, transfer = struct.unpack_from(">8sBB", profile, start)
                return space, transfer
    return None


def _tags(profile: bytes) -> Sequence[tuple[bytes, int]]:
    """Return the name and the place of each tag (7.3). Raises struct.error if their table is cut short or too long."""
    [count] = struct.unpack_from(">I", profile, _HEADER_BYTES)
    if count > _MOST_TAGS:
        raise struct.error("more tags than a profile has")
    starts = _HEADER_BYTES + 4
    return [struct.unpack_from(">4sI", profile, starts + _ENTRY_BYTES * number) for number in range(count)]


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
