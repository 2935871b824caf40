"""Decodes a large WebP at a smaller size.

libwebp then scales what it has decoded before it converts it to RGB: row by row, without a picture of the full size. It
averages areas, so it decodes to more pixels than the thumbnails need, and Lanczos does the rest.
"""

from typing import BinaryIO

from PIL import ImageFile

from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.orientation import orientation
from raythumbs.imaging.plan import Needs
from raythumbs.imaging.webp.libwebp import scaled

# Times the size that a spec's gap asks for. With the default gap, thumbnails of photographs are 53 dB from Lanczos
# alone, and of a drawing of coloured grain 48 dB, most of it for chroma, which libwebp reads in another way when it
# does not scale. At the size itself they would be 50 and 46 dB from it; more pixels bring nothing.
_SPARE = 2
_WORTHWHILE = 1.5  # times smaller sides; below that, scaling costs what it saves


def decode_scaled(picture: ImageFile.ImageFile, file: BinaryIO, needs: Needs) -> Decoded | None:
    """Return the pixels of a WebP at a smaller size, or None if it is to be decoded as it is.

    That is so for a small one, for one with alpha or frames, for a lossless one (libwebp scales it more slowly than
    Lanczos does), for one that is not sound, and without libwebp.
    """
    if picture.mode != "RGB" or getattr(picture, "is_animated", False):
        return None
    width, height = (
        min(_SPARE * least, full) for least, full in zip(_least(picture, needs), picture.size, strict=True)
    )
    if width * _WORTHWHILE > picture.width or height * _WORTHWHILE > picture.height:
        return None
    file.seek(0)
    pixels = scaled(file.read(), (width, height))
    return None if pixels is None else Decoded(pixels, picture.size, (float(width), float(height)))


def _least(picture: ImageFile.ImageFile, needs: Needs) -> tuple[int, int]:
    return needs.least_size(orientation(picture))
