"""The step `decode`: reads the pixels of the first frame."""

from io import BytesIO
from typing import BinaryIO

from PIL import ImageFile

from raythumbs.errors import Truncated
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.jpeg.missing_pixels import lacks_pixels
from raythumbs.imaging.jpeg.scale import SCALABLE, divisor_of, set_scale
from raythumbs.imaging.jpeg.scan_count import is_progressive, refuse_many_scans
from raythumbs.imaging.jpeg.scans import needed_part
from raythumbs.imaging.orientation import orientation
from raythumbs.imaging.plan import Needs
from raythumbs.imaging.probe import probe
from raythumbs.imaging.tiff.jpeg_strips import lacks_strips
from raythumbs.imaging.tiff.picture import TiffPicture

_SCALED_SAMPLES = {"L;2": 85, "L;4": 17}  # the factors by which Pillow multiplies samples of 2 and of 4 bits


def decode(picture: ImageFile.ImageFile, file: BinaryIO, needs: Needs) -> ImageFile.ImageFile:
    """Return the picture with its pixels. A progressive JPEG is decoded only as far as its scale needs.

    Raises Truncated if pixels are missing, Corrupt for broken data, and TooLarge for a JPEG of so many scans that it
    is an attack: each one is decoded over the whole picture.
    """
    part = _needed_part(picture, file, needs)
    if part is None:
        refuse_many_scans(picture, file)
        _load(picture, file)
        return picture
    needed = probe(BytesIO(part))
    set_scale(needed, divisor_of(picture))
    _load(needed, BytesIO(part))
    return needed


def _needed_part(picture: ImageFile.ImageFile, file: BinaryIO, needs: Needs) -> bytes | None:
    """Return the JPEG that holds only the needed scans; None if the whole file is to be decoded."""
    if picture.format != "JPEG" or not is_progressive(picture):
        return None
    wanted = needs.least_size(orientation(picture))
    spare = min(has / wants for has, wants in zip(picture.size, wanted, strict=True))
    return needed_part(file, divisor_of(picture), spare=spare)


def _load(picture: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Decode the pixels. Raises Truncated or Corrupt: a picture is never returned with a grey half."""
    with translated():
        _scale_clear_colour(picture)
        picture.load()
        if picture.format in SCALABLE and lacks_pixels(picture, file):
            raise Truncated("the picture's data ends before the picture does")
        if isinstance(picture, TiffPicture) and lacks_strips(picture, file):
            raise Truncated("the data of a strip of the TIFF ends before the strip does")


def _scale_clear_colour(picture: ImageFile.ImageFile) -> None:
    """Scale the transparent sample as Pillow scales the pixels: Pillow leaves it as it is (PNG 1.2, 4.2.1.1)."""
    clear, rawmode = picture.info.get("transparency"), picture.tile[0].args if picture.tile else None
    if rawmode in _SCALED_SAMPLES and isinstance(clear, int):
        picture.info["transparency"] = clear * _SCALED_SAMPLES[rawmode]
    elif rawmode == "RGB;16B" and isinstance(clear, tuple):
        picture.info["transparency"] = tuple(sample >> 8 for sample in clear)
