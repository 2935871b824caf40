"""Whether pixels of a JPEG are missing: whether its data ends before its picture does.

libjpeg fills missing pixels with grey and only warns, and Pillow does not pass the warning on. But libjpeg reads as
many blocks as the picture has. So more data before the end marker changes a picture that lacks pixels, and changes
nothing in a whole one.
"""

from typing import BinaryIO

from PIL import Image, ImageChops, ImageFile

from raythumbs.imaging.jpeg.more_data import with_more_data
from raythumbs.imaging.jpeg.scale import divisor_of, set_scale
from raythumbs.imaging.probe import probe

_GREY = range(126, 130)  # missing blocks decode to half of 255, rounded either way
_ROWS = 64


def lacks_pixels(picture: ImageFile.ImageFile, file: BinaryIO) -> bool:
    """Return whether pixels are missing in a picture that was decoded from this file.

    Only a picture that ends in grey can lack pixels; it is decoded a second time.
    """
    longer = with_more_data(file) if _ends_in_grey(picture) else None
    if longer is None:
        return False
    with longer, probe(longer) as other:
        set_scale(other, divisor_of(picture))
        other.load()
        return _differ(other, picture)


def _ends_in_grey(picture: Image.Image) -> bool:
    """Return whether the last pixel is as grey as a missing one."""
    last = picture.getpixel((picture.width - 1, picture.height - 1))
    samples = last if isinstance(last, tuple) else (last,)
    return all(sample is not None and int(sample) in _GREY for sample in samples)


def _differ(one: Image.Image, other: Image.Image) -> bool:
    """Return whether two pictures of the same size differ. Compares a few rows at a time, to save memory."""
    strips = ((0, top, one.width, min(top + _ROWS, one.height)) for top in range(0, one.height, _ROWS))
    return any(ImageChops.difference(one.crop(strip), other.crop(strip)).getbbox() for strip in strips)
