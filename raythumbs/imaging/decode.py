"""The step `decode`: reads the pixels of the first frame."""

from typing import BinaryIO

from PIL import Image, ImageFile, JpegImagePlugin

from raythumbs.imaging.clear_colour import is_wide, scale_clear_sample, with_wide_colour_clear
from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.gif_margin import framed_box, with_clear_margin
from raythumbs.imaging.jpeg.decode import JpegDecoder
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.plan import Needs


def decode(picture: ImageFile.ImageFile, file: BinaryIO, needs: Needs, limits: Limits) -> Decoded:
    """Return the picture with its pixels.

    Raises Truncated if pixels are missing (of a JPEG: more rows than `limits.missing_rows`), Corrupt for broken data,
    and TooLarge for a JPEG of so many scans that it is an attack: each one is decoded over the whole picture.
    """
    if isinstance(picture, JpegImagePlugin.JpegImageFile) and picture.tile:
        return JpegDecoder(picture, file, needs, limits.missing_rows).decode()
    box, has_wide_clear_colour = framed_box(picture), is_wide(picture)
    pixels: Image.Image = picture
    with translated():
        scale_clear_sample(picture)
        picture.load()
        if box is not None:
            pixels = with_clear_margin(picture, box)
        elif has_wide_clear_colour:
            pixels = with_wide_colour_clear(picture, file)
    return Decoded(pixels, pixels.size, pixels.size)
