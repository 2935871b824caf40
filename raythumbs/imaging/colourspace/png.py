"""What chunks of a PNG say about its colours (Portable Network Graphics, third edition)."""

from io import SEEK_CUR
from typing import Any, BinaryIO

from raythumbs.imaging.colourspace import primaries
from raythumbs.imaging.colourspace.curves import SRGB, Curve
from raythumbs.imaging.colourspace.icc import grey_profile, rgb_profile
from raythumbs.imaging.colourspace.primaries import Primaries

_FIRST_CHUNK, _HEAD_BYTES, _CRC_BYTES = 8, 8, 4
_PIXELS = {b"IDAT", b"IEND"}
_CODE_POINTS = 4
_RGB_OF_FULL_RANGE = bytes([0, 1])
_USUAL_GAMMA, _NO_DIFFERENCE = 0.45455, 0.05  # libpng's threshold (pngpriv.h, PNG_GAMMA_THRESHOLD)
_LEAST_GAMMA, _LARGEST_GAMMA = 0.01, 100.0


def code_points(file: BinaryIO) -> bytes | None:
    """Return the four numbers of the chunk cICP, which comes before the pixels (11.3.2.6). The file's place changes."""
    file.seek(_FIRST_CHUNK)
    while len(head := file.read(_HEAD_BYTES)) == _HEAD_BYTES and head[4:] not in _PIXELS:
        if head[4:] == b"cICP":
            return file.read(_CODE_POINTS)
        file.seek(int.from_bytes(head[:4], "big") + _CRC_BYTES, SEEK_CUR)
    return None


def full_range(chunk: bytes) -> tuple[int, int]:
    """Return the primaries and the transfer of a chunk cICP. Raises ValueError for samples of a video's range."""
    if len(chunk) < _CODE_POINTS or chunk[2:] != _RGB_OF_FULL_RANGE:
        raise ValueError("samples that are not RGB of full range")
    return chunk[0], chunk[1]


def chunk_profile(info: dict[str | tuple[int, int], Any], *, grey: bool) -> bytes | None:
    """Return the profile for the chunks gAMA and cHRM, as Pillow keeps them in `info`; None if the colours are sRGB's.

    The chunk sRGB counts more (table 12). Without colours, the usual gamma only approximates the curve of sRGB. Raises
    ValueError for impossible values.
    """
    gamma, points = info.get("gamma"), info.get("chromaticity")
    approximates = gamma is None or abs(gamma / _USUAL_GAMMA - 1) < _NO_DIFFERENCE
    if "srgb" in info or (points is None and approximates):
        return None
    if gamma is not None and not _LEAST_GAMMA <= gamma <= _LARGEST_GAMMA:
        raise ValueError(f"a gamma of {gamma}")
    curve = SRGB if gamma is None else Curve(1 / gamma)
    if grey:
        return grey_profile(curve)
    return rgb_profile(primaries.colorants(_primaries(points) if points else primaries.BT709), [curve] * 3)


def _primaries(points: tuple[float, ...]) -> Primaries:
    white, red, green, blue = zip(points[::2], points[1::2], strict=True)
    return Primaries(red, green, blue, white)
