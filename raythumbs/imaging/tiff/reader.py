"""Decides who reads a TIFF's pixels: Pillow, this package, or nobody."""

from enum import Enum, auto

from raythumbs.errors import TooLarge, UnsupportedFormat
from raythumbs.imaging.tiff.layout import Layout
from raythumbs.imaging.tiff.tags import LABS, Alpha, Compression, Numbers, Photometric

_FAX = {Compression.FAX_ROWS, Compression.FAX_3, Compression.FAX_4}
_JPEG = {Compression.JPEG, Compression.OLD_JPEG}
_PREDICTED = {Compression.LZW, Compression.DEFLATE, Compression.OLD_DEFLATE, Compression.LZMA, Compression.ZSTD}
_MOST_TILES = 50_000  # each takes 50 us; a photo of 200 megapixels in tiles of 64 x 64 has 49,000
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3
_GREYS = {Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO}
_DEPTHS = {Numbers.UNSIGNED: {*range(1, 17), 32}, Numbers.SIGNED: {8, 16, 32}, Numbers.FLOAT: {16, 32, 64}}
_NAMES = {Numbers.UNSIGNED: "whole numbers", Numbers.SIGNED: "signed numbers", Numbers.FLOAT: "floating-point numbers"}
_SURPLUS_FOR_PILLOW = {  # how many samples more than the colours Pillow reads, by what they mean and their bits
    **{(means, bits): 0 for means in (*_GREYS, Photometric.PALETTE) for bits in (1, 2, 4, 8)},
    **{(Photometric.RGB, bits): 1 for bits in (8, 16)},
    **{(Photometric.CMYK, bits): 0 for bits in (8, 16)},
    (Photometric.CIE_LAB, 8): 0,
}


class Reader(Enum):
    """Who reads the pixels."""

    PILLOW = auto()
    LIBTIFF = auto()  # through Pillow, where Pillow would not ask it
    OURS = auto()


def reader(layout: Layout) -> Reader:
    """Return who reads the pixels. Raises UnsupportedFormat for a picture that nobody reads rightly."""
    if layout.compression in _FAX:
        return _of_fax(layout)
    if layout.compression in _JPEG:
        return _of_jpeg(layout)
    if layout.photometric is Photometric.YCBCR:
        return _of_ycbcr(layout)
    if layout.compression is not Compression.WEBP and _pillow_reads(layout):
        return Reader.PILLOW
    _refuse(layout)
    return Reader.OURS


def ignores_sizes(layout: Layout) -> bool:
    """Return whether this package reads the pixels also if the strips' sizes in the file are wrong."""
    coupled = layout.compression in {*_FAX, *_JPEG} or layout.photometric is Photometric.YCBCR
    return not coupled and layout.compression is not Compression.NONE


def _pillow_reads(layout: Layout) -> bool:
    """Return whether Pillow reads these pixels rightly; tests/imaging/matrix shows it."""
    if layout.separate or layout.reversed_bits or layout.numbers is not Numbers.UNSIGNED:
        return False
    if layout.compression in _PREDICTED and layout.predictor not in {1, _DIFFERENCES}:
        return False
    surplus = layout.samples - layout.colours
    most = _SURPLUS_FOR_PILLOW.get((layout.photometric, layout.bits), -1)
    return surplus <= most and layout.extra in {(), (0,), (1,), (2,)}


def _of_fax(layout: Layout) -> Reader:
    if layout.bits == layout.samples == 1 and layout.photometric in {*_GREYS, Photometric.PALETTE}:
        return Reader.PILLOW
    raise UnsupportedFormat("a TIFF in a fax code whose pixels are not black or white")


def _of_jpeg(layout: Layout) -> Reader:
    if layout.bits != 8 or layout.numbers is not Numbers.UNSIGNED:  # noqa: PLR2004
        raise UnsupportedFormat(f"a TIFF with a JPEG of {layout.bits} bits a sample")
    if layout.samples != layout.colours or layout.photometric in {Photometric.PALETTE, *LABS}:
        raise UnsupportedFormat("a TIFF with a JPEG of a palette, of Lab colours or with alpha")
    if layout.separate and layout.photometric is not Photometric.RGB:
        raise UnsupportedFormat("a TIFF with a JPEG for each plane of colours that are not RGB")
    return Reader.PILLOW


def _of_ycbcr(layout: Layout) -> Reader:
    plain = layout.bits == 8 and layout.samples == layout.colours and layout.numbers is Numbers.UNSIGNED  # noqa: PLR2004
    if not plain or layout.separate:
        raise UnsupportedFormat("a TIFF of YCbCr colours in separate planes, with alpha, or not of 8 bits")
    return Reader.LIBTIFF


def _refuse(layout: Layout) -> None:
    """Raise UnsupportedFormat for what this package does not read, and TooLarge for what takes it seconds."""
    tiles = layout.blocks_across * layout.blocks_down * len(layout.needed if layout.separate else (0,))
    if layout.tiled and tiles > _MOST_TILES:
        raise TooLarge(f"the TIFF has {tiles} tiles; at most {_MOST_TILES} are read")
    if layout.bits not in _DEPTHS[layout.numbers]:
        raise UnsupportedFormat(f"a TIFF of {_NAMES[layout.numbers]} of {layout.bits} bits")
    if layout.numbers is Numbers.SIGNED and (layout.alpha is not Alpha.NONE or layout.photometric is Photometric.CMYK):
        raise UnsupportedFormat("a TIFF of signed numbers that are inks or alpha")
    if layout.photometric is Photometric.PALETTE and layout.is_wide:
        raise UnsupportedFormat(f"a TIFF of a palette and {_NAMES[layout.numbers]} of {layout.bits} bits")
    if layout.photometric in LABS and (layout.bits not in {8, 16} or layout.is_wide):
        raise UnsupportedFormat(f"a TIFF of Lab colours and {_NAMES[layout.numbers]} of {layout.bits} bits")
    if layout.compression is Compression.WEBP and not _is_webp(layout):
        raise UnsupportedFormat("a TIFF compressed with WebP whose samples are not RGB of 8 bits")
    if layout.compression in _PREDICTED:
        _refuse_predictor(layout)


def _is_webp(layout: Layout) -> bool:
    plain = layout.bits == 8 and not layout.separate and layout.numbers is Numbers.UNSIGNED  # noqa: PLR2004
    return plain and layout.photometric is Photometric.RGB and layout.samples - layout.colours <= 1


def _refuse_predictor(layout: Layout) -> None:
    fits = {1: True, _DIFFERENCES: layout.bits in {8, 16, 32, 64}, _FLOAT_DIFFERENCES: layout.numbers is Numbers.FLOAT}
    if not fits.get(layout.predictor, False):
        raise UnsupportedFormat(f"a TIFF of {layout.bits} bits a sample with predictor {layout.predictor}")
