"""A photo's orientation: from the pixels as they lie in the file to the upright photo, and back."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

from PIL import Image, JpegImagePlugin, TiffImagePlugin

from raythumbs.imaging.exif import orientation_in

Box = tuple[float, float, float, float]
_Side = TypeVar("_Side", int, float)

_TAG = 0x0112
_EXIF_AS_TEXT = "Raw profile type exif"
_LINES_BEFORE_DIGITS = 3
_MOST_BYTES = 1 << 20  # of Exif in hexadecimal digits
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


def orientation(picture: Image.Image) -> int:
    """Return the picture's orientation, 1 to 8 (Exif 2.32, tag 0x0112); 1 (upright) if it is missing or invalid.

    A TIFF's own tag counts, and Exif in all other formats. XMP does not count: browsers and other programs ignore it.
    """
    value: object = None
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        value = picture.tag_v2.get(_TAG)
    else:
        value = next((one for exif in _exifs(picture) if (one := orientation_in(exif)) is not None), None)
    return value if isinstance(value, int) and value in range(1, 9) else 1


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


def _exifs(picture: Image.Image) -> Iterator[bytes]:
    """Give the picture's Exif. A JPEG may have several, of which the first may be broken.

    In a PNG it may be text: ImageMagick wrote it so before PNG had a chunk for it.
    """
    exif, text = picture.info.get("exif"), picture.info.get(_EXIF_AS_TEXT)
    if isinstance(exif, bytes):
        yield exif
    elif isinstance(text, str) and len(text) <= _MOST_BYTES:
        with suppress(ValueError):
            yield bytes.fromhex("".join(text.split("\n")[_LINES_BEFORE_DIGITS:]))
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        yield from (data for name, data in picture.applist if name == "APP1" and data.startswith(b"Exif\0\0"))
