"""Writes colour profiles, so that one library converts all pixels (ICC.1:2022)."""

import struct
from collections.abc import Mapping, Sequence

from raythumbs.imaging.colourspace.curves import Curve
from raythumbs.imaging.colourspace.primaries import D50_XYZ, Matrix, Vector

_VERSION, _RELATIVE_COLORIMETRIC = 0x04400000, 1
_HEADER_BYTES, _ENTRY_BYTES = 128, 12
_TOO_LARGE = 1 << 15
AnyCurve = Curve | Sequence[float]  # by its parameters, or by its values for equal steps


def rgb_profile(colorants: Matrix, curves: Sequence[AnyCurve], *, code_points: bytes = b"") -> bytes:
    """Return the profile of RGB pixels: the XYZ of red, green and blue, and the curve of each.

    `code_points` are the four numbers of ITU-T H.273, if the profile is to name them (10.3).
    """
    tags = {f"{name}XYZ".encode(): _xyz(colorant) for name, colorant in zip("rgb", colorants, strict=True)}
    tones = {f"{name}TRC".encode(): _curve(curve) for name, curve in zip("rgb", curves, strict=True)}
    named = {b"cicp": b"cicp" + bytes(4) + code_points} if code_points else {}
    return _profile(b"RGB ", tags | tones | named)


def grey_profile(curve: AnyCurve) -> bytes:
    """Return the profile of grey pixels."""
    return _profile(b"GRAY", {b"kTRC": _curve(curve)})


def _profile(space: bytes, own_tags: Mapping[bytes, bytes]) -> bytes:
    tags = {b"wtpt": _xyz(D50_XYZ), **own_tags}
    place, entries, body = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(tags), b"", b""
    for name, data in tags.items():
        entries += struct.pack(">4s2I", name, place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s12x4s", place + len(body), _VERSION, b"mntr", space, b"XYZ ", b"acsp")
    rendering = struct.pack(">I3i", _RELATIVE_COLORIMETRIC, *map(_fixed, D50_XYZ))
    return (
        (head.ljust(64, b"\0") + rendering).ljust(_HEADER_BYTES, b"\0") + struct.pack(">I", len(tags)) + entries + body
    )


def _xyz(value: Vector) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *map(_fixed, value))


def _curve(curve: AnyCurve) -> bytes:
    if isinstance(curve, Curve):
        values = (curve.gamma, curve.scale, curve.offset, curve.slope, curve.knee)
        return struct.pack(">4s4xH2x5i", b"para", 3, *map(_fixed, values))
    return struct.pack(f">4s4xI{len(curve)}H", b"curv", len(curve), *(round(value * 0xFFFF) for value in curve))


def _fixed(value: float) -> int:
    """Return the value as an s15Fixed16Number. Raises ValueError if it is too large."""
    if abs(value) >= _TOO_LARGE:
        raise ValueError(f"{value} does not fit into a colour profile")
    return round(value * 65536)
