"""What the header of a BMP says about its colours (Microsoft, BITMAPV4HEADER and BITMAPV5HEADER)."""

import struct
from typing import BinaryIO

from raythumbs.imaging.colourspace import primaries
from raythumbs.imaging.colourspace.curves import Curve
from raythumbs.imaging.colourspace.icc import grey_profile, rgb_profile
from raythumbs.imaging.colourspace.primaries import Point, Primaries

_HEADER = 14  # where the header begins, after the file's own
_KIND, _ENDPOINTS, _GAMMAS, _PROFILE = 56, 60, 96, 112  # from there
_KIND_BYTES_END, _V5_BYTES = 108, 124
_CALIBRATED, _EMBEDDED, _LINKED = 0, 0x4D424544, 0x4C494E4B
_MOST_PROFILE_BYTES = 4 << 20
_FIXED_2_30, _FIXED_16_16 = 1 << 30, 1 << 16
_ABOUT = 0.02


def header_profile(file: BinaryIO, *, grey: bool) -> bytes | None:
    """Return the profile in the file, or the one for its calibrated colours; None if it has neither.

    The file's place changes. Raises ValueError for impossible values and for a profile in another file.
    """
    file.seek(_HEADER)
    header = file.read(_V5_BYTES)
    size = int.from_bytes(header[:4], "little")
    if len(header) < _V5_BYTES or size < _KIND_BYTES_END:
        return None
    [kind] = struct.unpack_from("<I", header, _KIND)
    if kind == _CALIBRATED:
        return _calibrated(header, grey=grey)
    if kind == _LINKED:
        raise ValueError("the profile is in another file")
    return _embedded(file, header) if kind == _EMBEDDED and size >= _V5_BYTES else None


def _embedded(file: BinaryIO, header: bytes) -> bytes:
    place, size = struct.unpack_from("<2I", header, _PROFILE)
    file.seek(_HEADER + place)
    return file.read(min(size, _MOST_PROFILE_BYTES))


def _calibrated(header: bytes, *, grey: bool) -> bytes | None:
    """Return the profile for three colours and their gammas. Most programs that write them leave zeros there."""
    values = [value / _FIXED_2_30 for value in struct.unpack_from("<9i", header, _ENDPOINTS)]
    gammas = [value / _FIXED_16_16 for value in struct.unpack_from("<3I", header, _GAMMAS)]
    if not all(gammas) or not any(values):
        return None
    curves = [Curve(gamma) for gamma in gammas]
    if grey:
        return grey_profile(curves[0])
    red, green, blue = (tuple(values[at : at + 3]) for at in (0, 3, 6))
    space = Primaries(_point(red), _point(green), _point(blue), _white(red, green, blue))
    return rgb_profile(primaries.colorants(space), curves)


def _white(*colours: tuple[float, ...]) -> Point:
    """Return the sum of the colours; D65 if the file has their chromaticities, which say nothing of their strengths."""
    if all(abs(sum(colour) - 1) < _ABOUT for colour in colours):
        return primaries.D65
    return _point(tuple(map(sum, zip(*colours, strict=True))))


def _point(xyz: tuple[float, ...]) -> Point:
    total = sum(xyz)
    if total <= 0:
        raise ValueError("a colour without light")
    return xyz[0] / total, xyz[1] / total
