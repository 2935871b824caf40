"""Colour profiles for tests, byte by byte (ICC.1:2022)."""

import struct

from tests.imaging.pictures import profile_of

WHITE = (100.0, 0.0, 0.0)


def with_intent(profile: bytes, intent: int) -> bytes:
    """The profile, asking for an intent (7.2.15)."""
    return profile[:64] + struct.pack(">I", intent) + profile[68:]


def table_profile(space: bytes, inks: dict[bytes, tuple[float, float, float]]) -> bytes:
    """A profile whose tables (such as A2B0) go straight from white to an ink: the L*a*b* of the fullest pixels."""
    return profile_of(space, {name: _table(space, ink) for name, ink in inks.items()}, connection=b"Lab ")


def _table(space: bytes, ink: tuple[float, float, float]) -> bytes:
    """A table of two samples a side. The share of ink is the mean of all channels, so that greys are straight."""
    channels = {b"RGB ": 3, b"CMYK": 4}[space]
    identity = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    straight = struct.pack(">2H", 0, 0xFFFF)
    table = struct.pack(">4s4xBBBx", b"mft2", channels, 3, 2) + identity + struct.pack(">2H", 2, 2)
    table += straight * channels
    for corner in range(2**channels):
        full = corner.bit_count() / channels
        share = full if space == b"CMYK" else 1 - full
        table += _lab(*(white + (one - white) * share for white, one in zip(WHITE, ink, strict=True)))
    return table + straight * 3


def _lab(lightness: float, a: float, b: float) -> bytes:
    """A colour as mft2 keeps it (table 43)."""
    return struct.pack(">3H", round(lightness * 652.8), *(round((value + 128) * 256) for value in (a, b)))
