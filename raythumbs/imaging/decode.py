"""The step `decode`: reads the pixels of the first frame."""

from typing import BinaryIO

from PIL import ImageFile, JpegImagePlugin

from raythumbs.errors import Truncated
from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.gif_margin import framed_box, with_clear_margin
from raythumbs.imaging.heif.decode import decode_tiles
from raythumbs.imaging.jpeg.decode import JpegDecoder
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.plan import Needs
from raythumbs.imaging.png.decode import decode_png
from raythumbs.imaging.tiff.jpeg_strips import lacks_strips
from raythumbs.imaging.tiff.picture import TiffPicture
from raythumbs.imaging.tiff.sizes import notes_of_sizes
from raythumbs.imaging.webp.decode import decode_scaled


def decode(picture: ImageFile.ImageFile, file: BinaryIO, needs: Needs, limits: Limits) -> Decoded:
    """Return the picture with its pixels.

    Raises Truncated if pixels are missing (of a JPEG: more rows than `limits.missing_rows`), Corrupt for broken data,
    and TooLarge for a JPEG of so many scans that it is an attack: each one is decoded over the whole picture.
    """
    if isinstance(picture, JpegImagePlugin.JpegImageFile) and picture.tile:
        return JpegDecoder(picture, file, needs, limits).decode()
    if picture.format == "PNG":
        return decode_png(picture, file, needs, limits)
    if picture.format == "WEBP" and (smaller := decode_scaled(picture, file, needs)):
        return smaller
    if limits.native and picture.format == "HEIF" and (smaller := decode_tiles(picture, file, needs)):
        return smaller
    box = framed_box(picture)
    with translated():
        picture.load()
        pixels = picture if box is None else with_clear_margin(picture, box)
        if isinstance(picture, TiffPicture) and lacks_strips(picture, file):
            raise Truncated("the data of a strip of the TIFF ends before the strip does")
    notes = notes_of_sizes(picture.layout, file) if isinstance(picture, TiffPicture) else ()
    return Decoded(pixels, pixels.size, pixels.size, notes)
