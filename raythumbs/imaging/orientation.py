"""A photo's orientation: from the pixels as they lie in the file to the upright photo, and back."""

import struct
import warnings
from typing import TypeVar

from PIL import Image

Box = tuple[float, float, float, float]
_Side = TypeVar("_Side", int, float)

_TAG = 0x0112
_MOST_BYTES = 1 << 20  # of Exif; a JPEG's is 64 KiB at most. To read one value of many numbers takes 12 times its size.
_SIDEWAYS = range(5, 9)
_MIRRORED_ACROSS, _MIRRORED_DOWN = {2, 3, 6, 7}, {3, 4, 7, 8}  # in the upright photo
_TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The errors that Pillow raises for broken Exif; see decoder_errors.py.
_BAD = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, struct.error)


def orientation(picture: Image.Image) -> int:
    """Return the picture's orientation, 1 to 8 (Exif 2.32, tag 0x0112); 1 (upright) if it is missing or invalid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if len(picture.info.get("exif") or b"") > _MOST_BYTES:
            return 1
        try:
            told = picture.getexif().get(_TAG, 1)
        except _BAD:
            return 1
    return told if told in range(1, 9) else 1


def sideways(size: tuple[_Side, _Side], turn: int) -> tuple[_Side, _Side]:
    """Return the upright size for a size as the pixels lie, or the other way round."""
    return (size[1], size[0]) if turn in _SIDEWAYS else size


def lying(box: Box, size: tuple[float, float], turn: int) -> Box:
    """Return the place, among the pixels as they lie, of a box of the upright picture, which has this size."""
    left, top, right, bottom = box
    if turn in _MIRRORED_ACROSS:
        left, right = max(0.0, size[0] - right), size[0] - left
    if turn in _MIRRORED_DOWN:
        top, bottom = max(0.0, size[1] - bottom), size[1] - top
    return (top, left, bottom, right) if turn in _SIDEWAYS else (left, top, right, bottom)


def upright(picture: Image.Image, turn: int) -> Image.Image:
    """Return the picture upright."""
    return picture.transpose(_TURNS[turn]) if turn in _TURNS else picture
