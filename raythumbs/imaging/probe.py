"""The step `probe`: reads a picture's header, and refuses a file that is no picture or takes long to read."""

import warnings
from functools import cache
from typing import BinaryIO

import pillow_heif
from PIL import Image, ImageFile, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from raythumbs.errors import UnsupportedFormat
from raythumbs.imaging.bmp import plugin as bmp_plugin
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.heif.avif import register_avif_opener
from raythumbs.imaging.jpeg import plugin as jpeg_plugin
from raythumbs.imaging.orientation import leave_lying
from raythumbs.imaging.recognise import HEAD_BYTES, refusal
from raythumbs.imaging.tables import refuse_long_tables

FORMATS = (jpeg_plugin.NAME, "PNG", "WEBP", "GIF", "TIFF", bmp_plugin.NAME, "AVIF", "HEIF")

_KIND_OF_PICTURE, _PREVIEW = 254, 1  # TIFF 6.0, NewSubfileType. DNG, NEF and ARW begin with a preview.
_PROFILE_BYTES = 4 << 20  # printers' profiles take more than the 1 MiB that Pillow allows one in a PNG
_HEADER_PIXELS = 1 << 31  # more than `Limits` admits: Pillow's own check must not refuse a picture that ours admits


def probe(source: BinaryIO) -> ImageFile.ImageFile:
    """Return the picture with only its header read. Raises a BadPicture that names the format of any other file."""
    _prepare()
    with translated(), warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        refuse_long_tables(source)
        try:
            picture = Image.open(source, formats=FORMATS)
        except UnidentifiedImageError as error:
            source.seek(0)
            raise refusal(source.read(HEAD_BYTES), [str(warning.message) for warning in messages]) from error
        if isinstance(picture, TiffImagePlugin.TiffImageFile):
            _check_first_picture(picture)
            leave_lying(picture)
        return picture


def _check_first_picture(picture: TiffImagePlugin.TiffImageFile) -> None:
    if picture.tag_v2.get(_KIND_OF_PICTURE) == _PREVIEW:
        raise UnsupportedFormat("a camera's raw file, or another TIFF whose first picture is but a preview")


@cache
def _prepare() -> None:
    jpeg_plugin.register()
    bmp_plugin.register()
    pillow_heif.register_heif_opener(thumbnails=False)
    register_avif_opener()
    Image.WARN_POSSIBLE_FORMATS = True  # a warning then says why a decoder did not open a file of its format
    Image.MAX_IMAGE_PIXELS = _HEADER_PIXELS
    PngImagePlugin.MAX_TEXT_CHUNK = _PROFILE_BYTES
