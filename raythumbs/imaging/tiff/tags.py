"""The tags of a TIFF that its pixels need, and what their values mean (TIFF 6.0, section 8)."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from raythumbs.errors import Corrupt, UnsupportedFormat


class Tag(IntEnum):
    """The numbers of tags."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    SAMPLES = 277
    ROWS_PER_STRIP = 278
    STRIP_SIZES = 279
    PLANAR = 284
    PREDICTOR = 317
    COLOUR_MAP = 320
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_SIZES = 325
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339


class Photometric(IntEnum):
    """What the samples of a pixel mean."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6
    CIE_LAB = 8
    ICC_LAB = 9


class Compression(IntEnum):
    """How strips and tiles are compressed."""

    NONE = 1
    FAX_ROWS = 2
    FAX_3 = 3
    FAX_4 = 4
    LZW = 5
    OLD_JPEG = 6
    JPEG = 7
    DEFLATE = 8
    PACK_BITS = 32773
    OLD_DEFLATE = 32946
    LZMA = 34925
    ZSTD = 50000
    WEBP = 50001


class Numbers(IntEnum):
    """What kind of numbers the samples are."""

    UNSIGNED = 1
    SIGNED = 2
    FLOAT = 3


class Alpha(IntEnum):
    """What a sample beyond the colour means. Premultiplied alpha has been multiplied into the colour."""

    NONE = 0
    PREMULTIPLIED = 1
    STRAIGHT = 2


COLOURS = {  # the number of samples of a pixel's colour
    Photometric.WHITE_IS_ZERO: 1,
    Photometric.BLACK_IS_ZERO: 1,
    Photometric.PALETTE: 1,
    Photometric.RGB: 3,
    Photometric.YCBCR: 3,
    Photometric.CIE_LAB: 3,
    Photometric.ICC_LAB: 3,
    Photometric.CMYK: 4,
}
LABS = {Photometric.CIE_LAB, Photometric.ICC_LAB}
_OTHER_PHOTOMETRICS = {
    4: "a transparency mask",
    10: "ITU L*a*b* colours",
    32803: "a camera's raw pixels",
    32844: "SGI's logarithmic brightness",
    32845: "SGI's logarithmic colours",
    34892: "a camera's raw pixels",
    51177: "a map of depth",
}
_OTHER_COMPRESSIONS = {
    32766: "NeXT's code",
    32771: "a fax code of whole words",
    32809: "ThunderScan",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGI's logarithmic code",
    34677: "SGI's logarithmic code",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "a camera's JPEG",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_CMYK_INKS = 1


def photometric(tags: Mapping[int, Any]) -> Photometric:
    """Return what the samples mean. Where the tag is missing, this guesses as libtiff does (tif_getimage.c)."""
    samples = one(tags, Tag.SAMPLES, 1) - len(many(tags, Tag.EXTRA_SAMPLES))
    if is_one_jpeg(tags):
        return _of_old_jpeg(tags)
    if Tag.PHOTOMETRIC not in tags and samples >= COLOURS[Photometric.RGB]:
        return Photometric.RGB
    fax = compression(tags) in {Compression.FAX_ROWS, Compression.FAX_3, Compression.FAX_4}
    value = one(tags, Tag.PHOTOMETRIC, Photometric.WHITE_IS_ZERO if fax else Photometric.BLACK_IS_ZERO)
    if value not in set(Photometric):
        raise UnsupportedFormat(f"a TIFF of {_OTHER_PHOTOMETRICS.get(value, f'colours of kind {value}')}")
    if value == Photometric.CMYK and one(tags, Tag.INK_SET, _CMYK_INKS) != _CMYK_INKS:
        raise UnsupportedFormat("a TIFF of inks that are not cyan, magenta, yellow and black")
    return Photometric(value)


def _of_old_jpeg(tags: Mapping[int, Any]) -> Photometric:
    """Return what the samples mean. The tag says often RGB where it is YCbCr."""
    if one(tags, Tag.SAMPLES, COLOURS[Photometric.YCBCR]) != COLOURS[Photometric.YCBCR]:
        raise UnsupportedFormat("a TIFF with a JPEG of the old kind that is grey or has inks")
    return Photometric.YCBCR


def compression(tags: Mapping[int, Any]) -> Compression:
    """Return how the picture is compressed."""
    value = one(tags, Tag.COMPRESSION, Compression.NONE)
    if value not in set(Compression):
        raise UnsupportedFormat(f"a TIFF compressed with {_OTHER_COMPRESSIONS.get(value, f'method {value}')}")
    return Compression(value)


def many(tags: Mapping[int, Any], tag: Tag) -> tuple[int, ...]:
    """Return the values of a tag; none if it is missing. Raises Corrupt for values that are no whole numbers."""
    value = tags.get(tag, ())
    values = tuple(value) if isinstance(value, (tuple, bytes)) else (value,)
    if not all(isinstance(number, int) and number >= 0 for number in values):
        raise Corrupt(f"the TIFF's tag {tag} has a value that is no whole number")
    return values


def one(tags: Mapping[int, Any], tag: Tag, otherwise: int) -> int:
    """Return the first value of a tag."""
    return next(iter(many(tags, tag)), otherwise)


def is_one_jpeg(tags: Mapping[int, Any]) -> bool:
    """Return whether the pixels may lie outside of strips, as in a TIFF 6.0 of JPEG (section 22)."""
    return one(tags, Tag.COMPRESSION, Compression.NONE) == Compression.OLD_JPEG
