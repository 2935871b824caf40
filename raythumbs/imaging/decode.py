"""From a file to a picture in memory, or a refusal before its pixels are allocated."""

import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from math import ceil
from typing import BinaryIO

import pillow_heif
from PIL import Image, ImageChops, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from raythumbs.errors import BadPicture, Corrupt, NeedsMemory, TooLarge, Truncated, UnsupportedFormat
from raythumbs.imaging.ending import ends_in_grey, with_more_data
from raythumbs.imaging.heads import refuse_long_head
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.memory import is_split, predicted_bytes
from raythumbs.imaging.orientation import orientation
from raythumbs.imaging.recognise import HEAD_BYTES, is_about_a_limit, is_about_memory, is_about_the_end, refusal
from raythumbs.imaging.scans import part_for
from raythumbs.imaging.tables import refuse_long_tables

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")

_SCALABLE = {"JPEG", "MPO"}
_EIGHTHS = {8: 1, 4: 2, 3: 3, 2: 4, 1: 8}  # what libjpeg makes of a divisor (jdmaster.c, jpeg_calc_output_dimensions)
_ALL_EIGHTHS = 8
_SCAN = b"\xff\xda"
_PIECE_BYTES = 1 << 20
_ROWS = 64
_MOST_SCANS = 500  # what libjpeg-turbo's own fuzzers allow; its usual script has 10
_KIND_OF_PICTURE, _PREVIEW = 254, 1  # TIFF 6.0, NewSubfileType; so begin DNG, NEF, ARW
# What decoders raise on bad bytes: the list of Pillow's own fuzzer (Tests/oss-fuzz), and what ours found besides.
_BAD = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, RuntimeError, struct.error)
LeastSize = Callable[[int], tuple[int, int]]  # of an orientation: what to decode at least, as the pixels lie
_SCALED_SAMPLES = {"L;2": 85, "L;4": 17}  # what Pillow multiplies the samples of narrow pixels by
_PROFILE_BYTES = 4 << 20  # printers' profiles take more than the 1 MiB that Pillow allows one in a PNG
_HEADER_PIXELS = 1 << 31  # beyond what `Limits` admits; Pillow's own check must not refuse what ours would admit


def open_picture(source: BinaryIO) -> ImageFile.ImageFile:
    """Return the picture with only its header read, or raise a BadPicture that tells what else the file is."""
    _prepare()
    with _translated(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        refuse_long_head(source)
        refuse_long_tables(source)
        try:
            picture = Image.open(source, formats=FORMATS)
        except UnidentifiedImageError as error:
            source.seek(0)
            raise refusal(source.read(HEAD_BYTES), [str(warning.message) for warning in told]) from error
        if isinstance(picture, TiffImagePlugin.TiffImageFile) and picture.tag_v2.get(_KIND_OF_PICTURE) == _PREVIEW:
            raise UnsupportedFormat("a camera's raw file, or another TIFF whose first picture is but a preview")
        return picture


def shrink_on_load(picture: ImageFile.ImageFile, least_size: LeastSize) -> tuple[float, float] | None:
    """Set a JPEG to decode at the least of 1/8, 1/4, 3/8, 1/2 and 1 that covers what its orientation asks for.

    Returns what the photo will cover of the pixels if not all: of 1281 rows at 1/4 are 320.25 in the 321 decoded.
    """
    if picture.format not in _SCALABLE or not picture.tile:  # one without a scan, which `load` will refuse
        return None
    with _translated():
        width, height = least_size(orientation(picture))
    for divisor, eighths in _EIGHTHS.items():
        covered = picture.width * eighths / _ALL_EIGHTHS, picture.height * eighths / _ALL_EIGHTHS
        if covered[0] >= width and covered[1] >= height:
            decode_at(picture, divisor)
            return covered
    return None


def decode_at(picture: ImageFile.ImageFile, divisor: int) -> None:
    """Set a JPEG to decode at 1/`divisor` (1, 2, 3, 4 or 8), which libjpeg rounds up to eighths: a third is 3/8.

    Pillow's `draft` does the same and knows no thirds; where a third is enough, it costs a quarter less than a half.
    """
    eighths = _EIGHTHS[divisor]
    size = ceil(picture.width * eighths / _ALL_EIGHTHS), ceil(picture.height * eighths / _ALL_EIGHTHS)
    picture._size = size  # noqa: SLF001 as plugins do
    picture.tile = [picture.tile[0]._replace(extents=(0, 0, *size))]
    picture.decoderconfig = (divisor, 0)


def without_needless_scans(
    picture: ImageFile.ImageFile, source: BinaryIO, least_size: LeastSize
) -> tuple[ImageFile.ImageFile, BinaryIO]:
    """Return the picture and its file; of a progressive JPEG only what its scale, set by `shrink_on_load`, needs.

    Raises TooLarge where so many scans would have to be decoded, each over the whole picture, that it is an attack.
    """
    if not _has_scans(picture):
        _refuse_many_scans(picture, source)
        return picture, source
    part = part_for(source, _shrink(picture), spare=_spare(picture, least_size))
    if part is None:
        _refuse_many_scans(picture, source)
        return picture, source
    needed = open_picture(BytesIO(part))
    decode_at(needed, _shrink(picture))
    return needed, BytesIO(part)


def _refuse_many_scans(picture: ImageFile.ImageFile, source: BinaryIO) -> None:
    if not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return
    if "progressive" in picture.info or is_split(picture):
        place = source.tell()
        source.seek(0)
        scans, last = 0, b""
        while scans <= _MOST_SCANS and (piece := source.read(_PIECE_BYTES)):
            scans += (last + piece).count(_SCAN)
            last = piece[-1:]  # it may be half of a marker
        source.seek(place)
        if scans > _MOST_SCANS:
            raise TooLarge(f"the JPEG has more than {_MOST_SCANS} scans")


def _has_scans(picture: ImageFile.ImageFile) -> bool:
    return picture.format == "JPEG" and "progressive" in picture.info


def _spare(picture: ImageFile.ImageFile, least_size: LeastSize) -> float:
    wanted = least_size(orientation(picture))
    return min(has / wants for has, wants in zip(picture.size, wanted, strict=True))


def _shrink(picture: ImageFile.ImageFile) -> int:
    scale: int = picture.decoderconfig[0] if picture.decoderconfig else 1
    return scale


def admit(picture: Image.Image, limits: Limits, scale: float = 0.0, renditions_bytes: int = 0) -> None:
    """Return if a picture, its pixels unread, fits the limits when it is resampled to `scale`, with its renditions.

    Else raises NeedsMemory, for where there is more of it, or TooLarge.
    """
    with _translated():
        needed = predicted_bytes(picture, scale, renditions_bytes)
    if needed > limits.decode_bytes:
        told = f"{picture.width}x{picture.height} pixels and their thumbnails need {needed} bytes of memory"
        if needed <= limits.elsewhere_bytes:
            raise NeedsMemory(told, needed)
        raise TooLarge(f"{told}; at most {max(limits.decode_bytes, limits.elsewhere_bytes)} are given")


def load(picture: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Decode the pixels of the first frame, or raise Truncated or Corrupt: never a picture with a grey half."""
    with _translated():
        _scale_clear_colour(picture)
        picture.load()
        if picture.format in _SCALABLE and ends_in_grey(picture) and _lacks_pixels(picture, file):
            raise Truncated("the picture's data ends before the picture does")


def _lacks_pixels(picture: ImageFile.ImageFile, file: BinaryIO) -> bool:
    longer = with_more_data(file)
    if longer is None:
        return False
    with longer, open_picture(longer) as other:
        decode_at(other, _shrink(picture))
        other.load()
        return _differ(other, picture)


def _differ(one: Image.Image, other: Image.Image) -> bool:
    """Return whether two pictures of the same size differ; a few rows at a time, for a third takes memory too."""
    strips = ((0, top, one.width, min(top + _ROWS, one.height)) for top in range(0, one.height, _ROWS))
    return any(ImageChops.difference(one.crop(strip), other.crop(strip)).getbbox() for strip in strips)


def _scale_clear_colour(picture: ImageFile.ImageFile) -> None:
    """Scale the sample that stands for transparency as Pillow scales pixels, which it forgets (PNG 1.2, 4.2.1.1)."""
    clear, rawmode = picture.info.get("transparency"), picture.tile[0].args if picture.tile else None
    if rawmode in _SCALED_SAMPLES and isinstance(clear, int):
        picture.info["transparency"] = clear * _SCALED_SAMPLES[rawmode]
    elif rawmode == "RGB;16B" and isinstance(clear, tuple):
        picture.info["transparency"] = tuple(sample >> 8 for sample in clear)


@cache
def _prepare() -> None:
    pillow_heif.register_heif_opener(thumbnails=False)
    Image.WARN_POSSIBLE_FORMATS = True  # tells why a decoder did not open what looks like its format
    Image.MAX_IMAGE_PIXELS = _HEADER_PIXELS
    PngImagePlugin.MAX_TEXT_CHUNK = _PROFILE_BYTES


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what Pillow raises on bad bytes into words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (BadPicture, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge(str(error)) from error
    except _BAD as error:
        told = str(error)
        if is_about_a_limit(told):
            raise TooLarge(told) from error
        if is_about_memory(told):
            raise MemoryError(told) from error
        if is_about_the_end(told):
            raise Truncated(told) from error
        raise Corrupt(told or type(error).__name__) from error
