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
_PHOTOMETRIC, _YCBCR = 262, 6
_NO_COMPRESSION = "raw"


@dataclass(frozen=True, slots=True)
class _Decoder:
    """Bytes per pixel that a decoder takes besides Pillow's picture: while it works, and until the file is closed."""

    working: float = 0.0
    kept: float = 0.0


_DECODERS = {
    "WEBP": _Decoder(13, 8),  # two canvases and a copy of one
    "AVIF": _Decoder(11.5, 5),  # planes of up to 12 bits in full resolution, and their copy as RGB
    "AVIF with alpha": _Decoder(15.2, 5),
    "JPEG": _Decoder(4),  # the picture again, to see whether its data ended too soon
    "MPO": _Decoder(4),
}
_GREY_DECODERS = {"JPEG": _Decoder(1), "WEBP": _Decoder(4, 2), "AVIF": _Decoder(4, 2)}
_COPIES_OF_FILE = {"HEIF": 2, "WEBP": 2, "AVIF": 2}  # Pillow's and the decoder's


def predicted_bytes(picture: Image.Image, scale: float = 0.0, renditions_bytes: int = 0) -> int:
    """Return the memory that a picture takes: to decode it, to resample it to `scale` of its size as it is decoded, and
    to make renditions that take so many bytes beside it.

    The picture's pixels are unread, and a JPEG's scale is set.
    """
    pixels = picture.width * picture.height
    decoder = _decoder(picture)
    decoding = _stored(picture) + decoder.working
    resampling = max(_converting(picture), _resampling(picture, scale), _checking_profile(picture))
    finishing = pixels * _converted(picture) + renditions_bytes
    afterwards = pixels * (_stored(picture) + decoder.kept) + max(pixels * resampling, finishing)
    return int(max(pixels * decoding + _extra_bytes(picture), afterwards)) + _metadata_bytes(picture) + _SPARE_BYTES


def is_grey(picture: Image.Image) -> bool:
    """Return whether the picture is resampled as one sample a pixel."""
    grey = picture.mode in {"1", "L"} | _WIDE_MODES or picture.mode.startswith("I;16")
    return grey and "transparency" not in picture.info


def has_alpha(picture: Image.Image) -> bool:
    """Return whether the picture is resampled with alpha."""
    return "transparency" in picture.info or picture.mode in _BLENDED_MODES


def _decoder(picture: Image.Image) -> _Decoder:
    if picture.format == "HEIF":
        return _Decoder(_heif_bytes(picture), 1 if picture.mode == "L" else 4)
    kind = str(picture.format)
    if picture.mode == "L":
        return _GREY_DECODERS.get(kind, _Decoder())
    return _DECODERS.get(f"{kind} with alpha" if picture.mode == "RGBA" else kind, _DECODERS.get(kind, _Decoder()))


def _heif_bytes(picture: Image.Image) -> float:
    """Bytes per pixel of the planes, of their copies as RGB and turned, and of tiles. Not the same for all: phones'
    pictures of 100 megapixels must not be refused for what a rarer kind takes."""
    wide = picture.info.get("bit_depth", 8) > 8  # noqa: PLR2004 bits
    if picture.mode == "L":
        return 4 if wide else 2
    if picture.info.get("chroma") != 420:  # noqa: PLR2004 libheif's word for 4:2:0
        return 18.5 if wide else 9.4
    alpha = picture.mode == "RGBA"
    return (11.0 if alpha else 7.7) if wide else (6.4 if alpha else 6.2)


def _stored(picture: Image.Image) -> int:
    if picture.mode in _ONE_BYTE_MODES:
        return 1
    return 2 if picture.mode.startswith("I;16") else 4


def _converting(picture: Image.Image) -> int:
    """Bytes per pixel of what `resampleable` makes on its way, besides the picture itself."""
    if picture.mode.startswith("I;16"):
        return 11 if "transparency" in picture.info else 10
    if picture.mode in _WIDE_MODES:
        return 5
    return 0


def _converted(picture: Image.Image) -> int:
    """Bytes per pixel of what `resampleable` returns, if that is not the picture itself."""
    same = "transparency" not in picture.info and picture.mode in {"L", "RGB", "RGBA", "CMYK", "LAB"}
    return 0 if same else (1 if is_grey(picture) else 4)


def _checking_profile(picture: Image.Image) -> int:
    """Bytes per pixel of what tells whether a profile of grey pixels fits a picture with alpha."""
    profile = picture.info.get("icc_profile") or b""
    return _converted(picture) + 6 if has_alpha(picture) and profile[16:20] == b"GRAY" else 0


def _resampling(picture: Image.Image, scale: float) -> float:
    """Bytes per pixel of the converted picture, and of what resampling makes of it."""
    channels = 1 if is_grey(picture) else 4
    factor = max(1, int(1 / (scale * REDUCING_GAP))) if scale else 1
    reduced = 1 / factor**2 if factor > 1 else 0
    passes = channels * (reduced + scale / factor + 2 * scale**2)
    return _converted(picture) + passes + (4 + 4 * scale**2 if has_alpha(picture) else 0)


def _extra_bytes(picture: Image.Image) -> int:
    """What decoding takes that does not go with the pixels as they are decoded."""
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        return _coefficients(picture)
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return _strip(picture)
    return _COPIES_OF_FILE.get(str(picture.format), 0) * _file_bytes(picture)


def _metadata_bytes(picture: Image.Image) -> int:
    """What Pillow keeps of the file's head: profiles, texts, previews."""
    segments = (data for _, data in getattr(picture, "applist", ()))
    chunks = (chunk[1] for chunk in getattr(picture, "private_chunks", ()))
    return sum(len(kept) for kept in (*picture.info.values(), *segments, *chunks) if isinstance(kept, (bytes, str)))


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
    """The coefficients of the whole photo, which a JPEG of several scans holds however small it is decoded, and its
    file: to pick out the scans that are needed takes that twice."""
    if not (picture.info.get("progressive") or is_split(picture)):
        return 0
    shrunk = picture.decoderconfig[0] if picture.decoderconfig else 1
    samples = [across * down for _, across, down, _ in picture.layer]
    most = max(across for _, across, _, _ in picture.layer) * max(down for _, _, down, _ in picture.layer)
    coefficients = picture.width * picture.height * shrunk**2 * sum(samples) / most * _COEFFICIENT_BYTES * 1.02
    file_bytes = _file_bytes(picture)
    return max(int(coefficients) + file_bytes, 2 * file_bytes)


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
    """The file and one strip or tile of it, where TIFF is compressed; the picture again, where it is to be turned, for
    Pillow turns it before it lets go of the strip."""
    turned = picture.width * picture.height * _stored(picture) if _number(picture, _ORIENTATION, 1) != 1 else 0
    if picture.info.get("compression") == _NO_COMPRESSION:
        return turned
    across = min(_number(picture, _TILE_WIDTH, picture.width), 2 * picture.width)
    down = min(_number(picture, _TILE_LENGTH, _number(picture, _ROWS_PER_STRIP, picture.height)), 2 * picture.height)
    bits = picture.tag_v2.get(_BITS_PER_SAMPLE, ())
    strip = across * down * max(4, sum(bits) // 8 if isinstance(bits, tuple) else 0)
    as_rgb = across * down * 4 if picture.tag_v2.get(_PHOTOMETRIC) == _YCBCR else 0
    return turned + strip + as_rgb + _file_bytes(picture)


def _number(picture: TiffImagePlugin.TiffImageFile, tag: int, otherwise: int) -> int:
    told = picture.tag_v2.get(tag, otherwise)
    return told if isinstance(told, int) and told > 0 else otherwise
