"""The step `probe`: reads a picture's header, and refuses a file that is no picture or takes long to read."""

import warnings
from functools import cache
from typing import BinaryIO

import pillow_heif
from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from raythumbs.imaging.bmp import plugin as bmp_plugin
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.heif import avif as avif_plugin
from raythumbs.imaging.jpeg import plugin as jpeg_plugin
from raythumbs.imaging.recognise import HEAD_BYTES, refusal
from raythumbs.imaging.tables import refuse_long_tables
from raythumbs.imaging.tiff.picture import TiffPicture, is_tiff
from raythumbs.model.photo_format import PHOTO_FORMATS

_OWN_READERS = {"JPEG": jpeg_plugin.NAME, "BMP": bmp_plugin.NAME, "AVIF": avif_plugin.NAME}
FORMATS = tuple(_OWN_READERS.get(one.pillow_name, one.pillow_name) for one in PHOTO_FORMATS)

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
            picture = _opened(source)
        except UnidentifiedImageError as error:
            source.seek(0)
            said = [str(warning.message) for warning in messages] or [str(error)]
            raise refusal(source.read(HEAD_BYTES), said) from error
        return picture


def _opened(source: BinaryIO) -> ImageFile.ImageFile:
    head = source.read(4)
    source.seek(0)
    if not is_tiff(head):
        return Image.open(source, formats=FORMATS)
    try:
        return TiffPicture(source)
    except SyntaxError as error:
        raise UnidentifiedImageError(str(error)) from error


@cache
def _prepare() -> None:
    jpeg_plugin.register()
    bmp_plugin.register()
    pillow_heif.register_heif_opener(thumbnails=False)
    avif_plugin.register()
    Image.WARN_POSSIBLE_FORMATS = True  # a warning then says why a decoder did not open a file of its format
    Image.MAX_IMAGE_PIXELS = _HEADER_PIXELS
    PngImagePlugin.MAX_TEXT_CHUNK = _PROFILE_BYTES
