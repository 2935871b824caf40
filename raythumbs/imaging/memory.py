"""How much memory a picture will take, told from its header.

The figures are bytes per pixel, measured as the peak of resident memory with Pillow 13.0, libwebp 1.6, libavif 1.4 and
libheif 1.23 over every format; a test measures them again.
"""

from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, JpegImagePlugin, TiffImagePlugin

from raythumbs.imaging.resize import REDUCING_GAP

_SPARE_BYTES = 768 << 10  # rows of a decoder, tables, the thumbnail's file
_COEFFICIENT_BYTES = 2
_ONE_BYTE_MODES = {"1", "L", "P"}
_WIDE_MODES = {"I", "F"}  # made narrow before they are resampled, as sixteen bits are
_BLENDED_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}
_ROWS_PER_STRIP, _TILE_LENGTH, _TILE_WIDTH, _ORIENTATION, _BITS_PER_SAMPLE = 278, 323, 322, 274, 258
_NO_COMPRESSION = "raw"


@dataclass(frozen=True, slots=True)
class _Decoder:
    """Bytes per pixel that a decoder takes besides Pillow's picture: while it works, and until the file is closed."""

    working: float = 0.0
    kept: float = 0.0


_DECODERS = {
    "WEBP": _Decoder(13, 8),  # two canvases and a copy of one
    "AVIF": _Decoder(11, 5),  # planes of up to 12 bits in full resolution, and their copy as RGB
}
_GREY_DECODER = _Decoder(4, 2)


def predicted_bytes(picture: Image.Image, scale: float = 0.0) -> int:
    """Return the memory that decoding a picture takes, and resampling it to `scale` of its size as it is decoded.

    The picture's pixels are unread, and a JPEG's scale is set.
    """
    pixels = picture.width * picture.height
    decoder = _decoder(picture)
    decoding = _stored(picture) + decoder.working
    resampling = _stored(picture) + decoder.kept + max(_converting(picture), _resampling(picture, scale))
    extra = _extra_bytes(picture)
    return int(max(pixels * decoding + extra, pixels * resampling)) + _SPARE_BYTES


def _decoder(picture: Image.Image) -> _Decoder:
    if picture.format == "HEIF":
        return _Decoder(_heif_bytes(picture))
    decoder = _DECODERS.get(str(picture.format), _Decoder())
    return _GREY_DECODER if picture.mode == "L" and decoder.working else decoder


def _heif_bytes(picture: Image.Image) -> float:
    """Bytes per pixel of the planes and of their copy as RGB; phones' pictures of 100 megapixels must not be refused
    for what a rarer kind would take."""
    wide = picture.info.get("bit_depth", 8) > 8  # noqa: PLR2004 bits
    if picture.mode == "L":
        return 4 if wide else 2
    halved = picture.info.get("chroma") == 420  # noqa: PLR2004 libheif's word for 4:2:0
    planes = (4.5 if halved else 11.6) if wide else (3.7 if halved else 5.8)
    return planes + (1.5 if picture.mode == "RGBA" else 0)


def _stored(picture: Image.Image) -> int:
    if picture.mode in _ONE_BYTE_MODES:
        return 1
    return 2 if picture.mode.startswith("I;16") else 4


def _converting(picture: Image.Image) -> int:
    """Bytes per pixel of what `resampleable` makes on its way, besides the picture itself."""
    if picture.mode.startswith("I;16"):
        return 10
    if picture.mode in _WIDE_MODES:
        return 5
    return 0


def _resampling(picture: Image.Image, scale: float) -> float:
    """Bytes per pixel of the converted picture, if it is not the same, and of what resampling makes of it."""
    clear = "transparency" in picture.info
    blended = clear or picture.mode in _BLENDED_MODES
    grey = not blended and (picture.mode in {"1", "L"} | _WIDE_MODES or picture.mode.startswith("I;16"))
    channels = 1 if grey else 4
    same = not clear and picture.mode in {"L", "RGB", "RGBA", "CMYK", "LAB"}
    converted = 0 if same else channels
    factor = max(1, int(1 / (scale * REDUCING_GAP))) if scale else 1
    reduced = 1 / factor**2 if factor > 1 else 0
    passes = channels * (reduced + scale / factor + 2 * scale**2)
    return converted + passes + (4 + 4 * scale**2 if blended else 0)


def _extra_bytes(picture: Image.Image) -> int:
    """What decoding takes that does not go with the pixels as they are decoded."""
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        return _coefficients(picture)
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return _strip(picture)
    return _file_bytes(picture) if picture.format in {"HEIF", *_DECODERS} else 0


def _file_bytes(picture: Image.Image) -> int:
    """The size of the file, where it is read or mapped as a whole."""
    file: BinaryIO | None = getattr(picture, "fp", None)
    if file is None:
        return 0
    before = file.tell()
    size = file.seek(0, 2)
    file.seek(before)
    return size


def _coefficients(picture: JpegImagePlugin.JpegImageFile) -> int:
    """The coefficients of the whole photo, which a JPEG of several scans holds however small it is decoded."""
    if not (picture.info.get("progressive") or is_split(picture)):
        return 0
    shrunk = picture.decoderconfig[0] if picture.decoderconfig else 1
    samples = [across * down for _, across, down, _ in picture.layer]
    most = max(across for _, across, _, _ in picture.layer) * max(down for _, _, down, _ in picture.layer)
    return int(picture.width * picture.height * shrunk**2 * sum(samples) / most * _COEFFICIENT_BYTES * 1.02)


def is_split(picture: JpegImagePlugin.JpegImageFile) -> bool:
    """Return whether the first scan has fewer components than the frame (ITU T.81, B.2.3), so that others follow."""
    file: BinaryIO | None = picture.fp  # type: ignore[assignment]
    if file is None:
        return False
    before = file.tell()
    try:
        file.seek(2)
        while len(head := file.read(4)) == 4 and head[0] == 0xFF:  # noqa: PLR2004 a marker and its length
            if head[1] == 0xDA:  # noqa: PLR2004 start of scan
                return file.read(1)[:1] < bytes([len(picture.layer)])
            file.seek(max(0, int.from_bytes(head[2:], "big") - 2), 1)
        return False
    finally:
        file.seek(before)


def _strip(picture: TiffImagePlugin.TiffImageFile) -> int:
    """The file and one strip or tile of it, where TIFF is compressed; the picture again, where it is to be turned."""
    turned = picture.width * picture.height * _stored(picture) if _number(picture, _ORIENTATION, 1) != 1 else 0
    if picture.info.get("compression") == _NO_COMPRESSION:
        return turned
    across = min(_number(picture, _TILE_WIDTH, picture.width), 2 * picture.width)
    down = min(_number(picture, _TILE_LENGTH, _number(picture, _ROWS_PER_STRIP, picture.height)), 2 * picture.height)
    bits = picture.tag_v2.get(_BITS_PER_SAMPLE, ())
    strip = across * down * max(4, sum(bits) // 8 if isinstance(bits, tuple) else 0)
    return max(turned, strip + _file_bytes(picture))


def _number(picture: TiffImagePlugin.TiffImageFile, tag: int, otherwise: int) -> int:
    told = picture.tag_v2.get(tag, otherwise)
    return told if isinstance(told, int) and told > 0 else otherwise
