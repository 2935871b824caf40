"""The step `shrink`: a JPEG is decoded at a fraction of its size, which is faster than to decode all of it."""

from math import ceil

from PIL import ImageFile

from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.orientation import orientation
from raythumbs.imaging.plan import Needs

_EIGHTHS = {8: 1, 4: 2, 3: 3, 2: 4, 1: 8}  # libjpeg's scale for each divisor (jdmaster.c, jpeg_calc_output_dimensions)
ALL_EIGHTHS = 8


def shrink(picture: ImageFile.ImageFile, needs: Needs) -> None:
    """Set a JPEG to the smallest scale of 1/8, 1/4, 3/8, 1/2 and 1 at which it is still as large as needed."""
    if picture.format != "JPEG" or not picture.tile:  # a JPEG without a scan, which `decode` refuses
        return
    with translated():
        width, height = needs.least_size(orientation(picture))
    for divisor, eighths in _EIGHTHS.items():
        if min(picture.width * eighths / width, picture.height * eighths / height) >= ALL_EIGHTHS:
            set_scale(picture, divisor)
            return


def set_scale(picture: ImageFile.ImageFile, divisor: int) -> None:
    """Set a JPEG to decode at 1/`divisor` (1, 2, 3, 4 or 8), which libjpeg rounds up to eighths: a third is 3/8.

    Pillow's `draft` does the same, but has no thirds. A third costs a quarter less than a half.
    """
    eighths = _EIGHTHS[divisor]
    size = ceil(picture.width * eighths / ALL_EIGHTHS), ceil(picture.height * eighths / ALL_EIGHTHS)
    picture._size = size  # noqa: SLF001 as plugins do
    picture.tile = [picture.tile[0]._replace(extents=(0, 0, *size))]
    picture.decoderconfig = (divisor, 0)


def divisor_of(picture: ImageFile.ImageFile) -> int:
    """Return the divisor that a JPEG was set to; 1 if none."""
    divisor: int = picture.decoderconfig[0] if picture.decoderconfig else 1
    return divisor


def eighths_of(picture: ImageFile.ImageFile) -> int:
    """Return how many eighths of its size a JPEG is decoded at."""
    return _EIGHTHS[divisor_of(picture)]
