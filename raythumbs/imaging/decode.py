"""The step `decode`: reads the pixels of the first frame."""

from typing import BinaryIO

from PIL import ImageFile, JpegImagePlugin

from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.gif_margin import framed_box, with_clear_margin
from raythumbs.imaging.jpeg.decode import JpegDecoder
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.plan import Needs

_SCALED_SAMPLES = {"L;2": 85, "L;4": 17}  # the factors by which Pillow multiplies samples of 2 and of 4 bits


def decode(picture: ImageFile.ImageFile, file: BinaryIO, needs: Needs, limits: Limits) -> Decoded:
    """Return the picture with its pixels.

    Raises Truncated if pixels are missing (of a JPEG: more rows than `limits.missing_rows`), Corrupt for broken data,
    and TooLarge for a JPEG of so many scans that it is an attack: each one is decoded over the whole picture.
    """
    if isinstance(picture, JpegImagePlugin.JpegImageFile) and picture.tile:
        return JpegDecoder(picture, file, needs, limits.missing_rows).decode()
    box = framed_box(picture)
    with translated():
        _scale_clear_colour(picture)
        picture.load()
    return Decoded(picture if box is None else with_clear_margin(picture, box), picture.size, picture.size)


def _scale_clear_colour(picture: ImageFile.ImageFile) -> None:
    """Scale the transparent sample as Pillow scales the pixels: Pillow leaves it as it is (PNG 1.2, 4.2.1.1)."""
    clear, rawmode = picture.info.get("transparency"), picture.tile[0].args if picture.tile else None
    if rawmode in _SCALED_SAMPLES and isinstance(clear, int):
        picture.info["transparency"] = clear * _SCALED_SAMPLES[rawmode]
    elif rawmode == "RGB;16B" and isinstance(clear, tuple):
        picture.info["transparency"] = tuple(sample >> 8 for sample in clear)
