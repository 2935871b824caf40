"""Predicts from a picture's header how much memory the picture will take.

The figures are bytes per pixel, measured as the peak of resident memory with Pillow 13.0, libwebp 1.6, libavif 1.4 and
libheif 1.23 over every format; a test measures them again.
"""

from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, JpegImagePlugin

from raythumbs.imaging.bmp.plugin import has_run_lengths
from raythumbs.imaging.gif_margin import framed_box
from raythumbs.imaging.heif.coded_pixels import coded_pixels
from raythumbs.imaging.jpeg.coefficients import several_scans_bytes
from raythumbs.imaging.jpeg.scan_count import has_several_scans
from raythumbs.imaging.lanczos import REDUCING_GAP
from raythumbs.imaging.png.clear_colour import is_wide
from raythumbs.imaging.tiff.memory import working_bytes
from raythumbs.imaging.tiff.picture import TiffPicture

_SPARE_BYTES = 768 << 10  # rows of a decoder, tables, the thumbnail's file
_ROW_BYTES = 100  # for each sample of a row: sums of 16 rows and 4 rows to add, as floats; and 5 rows of the file
_WEIGHTS_BYTES = 32  # for each pixel of a side: of Lanczos, 6 to 7 weights
_UNPACKED_BYTES = 512 << 10  # pieces of the file
_ONE_BYTE_MODES = {"1", "L", "P"}
_BLENDED_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}


@dataclass(frozen=True, slots=True)
class _Decoder:
    """Bytes per pixel that a decoder takes besides Pillow's picture: while it decodes, and until the file is closed."""

    working: float = 0.0
    kept: float = 0.0


_DECODERS = {
    "WEBP": _Decoder(13, 8),  # two canvases and a copy of one
    "AVIF": _Decoder(11.5, 5),  # planes of up to 12 bits in full resolution, and their copy as RGB
    "AVIF with alpha": _Decoder(15.2, 5),
    "JPEG": _Decoder(4),  # a second picture, to find out whether the data ended too soon
}
_RUN_LENGTHS = _Decoder(2)  # the pixels, and a copy
_WIDE_PNG = _Decoder(11, 4)  # a second picture of the low bytes, and bands; and the first while the second is resampled
_GREY_DECODERS = {"JPEG": _Decoder(1), "WEBP": _Decoder(4, 2), "AVIF": _Decoder(4, 2)}
_COPIES_OF_FILE = {"HEIF": 2, "WEBP": 2, "AVIF": 2}  # Pillow's and the decoder's


def predicted_bytes(
    picture: Image.Image, scale: float = 0.0, renditions_bytes: int = 0, *, smaller: tuple[int, int] | None = None
) -> int:
    """Return the memory to decode a picture, to resample it, and to make its renditions.

    `scale` is the largest scale at which the decoded pixels are resampled; `renditions_bytes` is the memory of the
    renditions beside the picture; `smaller` is the size at which a PNG is decoded row by row. The picture's pixels are
    not read yet, and a JPEG's scale is set.
    """
    if smaller:
        return _by_rows(picture, smaller, scale) + renditions_bytes + _metadata_bytes(picture) + _SPARE_BYTES
    pixels = max(picture.width * picture.height, _coded_pixels(picture))
    decoder = _decoder(picture)
    decoding = _stored(picture) + decoder.working
    resampling = max(_converting(picture), _resampling(picture, scale), _checking_profile(picture))
    finishing = pixels * _converted(picture) + renditions_bytes
    afterwards = pixels * (_stored(picture) + decoder.kept) + max(pixels * resampling, finishing)
    return int(max(pixels * decoding + _extra_bytes(picture), afterwards)) + _metadata_bytes(picture) + _SPARE_BYTES


def _by_rows(picture: Image.Image, size: tuple[int, int], scale: float) -> int:
    """Return the memory of a PNG whose rows become a smaller picture of this size, and of its resampling."""
    channels, alpha = 1 if is_grey(picture) else 4, has_alpha(picture)
    checked = 6 if alpha and (picture.info.get("icc_profile") or b"")[16:20] == b"GRAY" else 0
    resampled = channels * (scale + 2 * scale**2) + (4 + 4 * scale**2 if alpha else 0)
    pixels = size[0] * size[1] * (channels + max(checked, resampled if scale < 1 else 0))
    return int(pixels) + _ROW_BYTES * picture.width * channels + _WEIGHTS_BYTES * sum(picture.size) + _UNPACKED_BYTES


def is_grey(picture: Image.Image) -> bool:
    """Return whether the picture is resampled with one sample a pixel."""
    return (picture.mode in {"1", "L"} or picture.mode.startswith("I;16")) and not has_alpha(picture)


def has_alpha(picture: Image.Image) -> bool:
    """Return whether the picture is resampled with alpha."""
    return "transparency" in picture.info or picture.mode in _BLENDED_MODES or framed_box(picture) is not None


def _coded_pixels(picture: Image.Image) -> int:
    """Return the pixels that a HEIC or AVIF decodes to before it is cut; 0 for other pictures."""
    file: BinaryIO | None = getattr(picture, "fp", None)
    return coded_pixels(file) if file is not None and picture.format in {"HEIF", "AVIF"} else 0


def _decoder(picture: Image.Image) -> _Decoder:
    if picture.format == "HEIF":
        return _Decoder(_heif_bytes(picture), 1 if picture.mode == "L" else 4)
    if is_wide(picture):
        return _WIDE_PNG
    if has_run_lengths(picture):
        return _RUN_LENGTHS
    kind = str(picture.format)
    if picture.mode == "L":
        return _GREY_DECODERS.get(kind, _Decoder())
    return _DECODERS.get(f"{kind} with alpha" if picture.mode == "RGBA" else kind, _DECODERS.get(kind, _Decoder()))


def _heif_bytes(picture: Image.Image) -> float:
    """Return bytes per pixel of the planes, of their copies as RGB and turned, and of tiles.

    Each kind has its own figure: phones' pictures of 100 megapixels must not be refused because rarer kinds take more.
    """
    wide = picture.info.get("bit_depth", 8) > 8  # noqa: PLR2004 bits
    if picture.mode == "L":
        return 4 if wide else 2
    if picture.info.get("chroma") != 420:  # noqa: PLR2004 libheif's word for 4:2:0
        return 18.5 if wide else 9.4
    alpha = picture.mode in {"RGBA", "RGBa"}
    return (11.0 if alpha else 7.7) if wide else (6.4 if alpha else 6.2)


def _stored(picture: Image.Image) -> int:
    if picture.mode in _ONE_BYTE_MODES:
        return 1
    return 2 if picture.mode.startswith("I;16") else 4


def _converting(picture: Image.Image) -> int:
    """Return bytes per pixel of the pictures that `resampleable` makes and drops."""
    if picture.mode.startswith("I;16"):
        return 11 if "transparency" in picture.info else 10
    return 0


def _converted(picture: Image.Image) -> int:
    """Return bytes per pixel of the picture that `resampleable` returns; 0 if that is the picture itself."""
    becomes_clear = "transparency" in picture.info or framed_box(picture) is not None
    same = not becomes_clear and picture.mode in {"L", "RGB", "RGBA", "CMYK", "LAB"}
    return 0 if same else (1 if is_grey(picture) else 4)


def _checking_profile(picture: Image.Image) -> int:
    """Return bytes per pixel of the check whether a profile of grey pixels fits a picture with alpha."""
    profile = picture.info.get("icc_profile") or b""
    return _converted(picture) + 6 if has_alpha(picture) and profile[16:20] == b"GRAY" else 0


def _resampling(picture: Image.Image, scale: float) -> float:
    """Return bytes per pixel of the converted picture and of its resampling, by whichever library takes more."""
    channels = 1 if is_grey(picture) else 4
    factor = max(1, int(1 / (scale * REDUCING_GAP))) if scale else 1
    reduced = 1 / factor**2 if factor > 1 else 0
    passes = channels * (max(scale, reduced + scale / factor) + 2 * scale**2)
    return _converted(picture) + passes + (4 + 4 * scale**2 if has_alpha(picture) else 0)


def _extra_bytes(picture: Image.Image) -> int:
    """Return the bytes of decoding that do not depend on the number of decoded pixels."""
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        several = has_several_scans(picture)
        return several_scans_bytes(picture, file_bytes=_file_bytes(picture)) if several else 0
    if isinstance(picture, TiffPicture):
        return working_bytes(picture.layout, picture.reader, _file_bytes(picture))
    return _COPIES_OF_FILE.get(str(picture.format), 0) * _file_bytes(picture)


def _metadata_bytes(picture: Image.Image) -> int:
    """Return the bytes of the file's head that Pillow keeps: profiles, texts, previews."""
    segments = (data for _, data in getattr(picture, "applist", ()))
    chunks = (chunk[1] for chunk in getattr(picture, "private_chunks", ()))
    return sum(len(kept) for kept in (*picture.info.values(), *segments, *chunks) if isinstance(kept, (bytes, str)))


def _file_bytes(picture: Image.Image) -> int:
    """Return the size of the file, for decoders that read or map all of it."""
    file: BinaryIO | None = getattr(picture, "fp", None)
    if file is None:
        return 0
    before = file.tell()
    size = file.seek(0, 2)
    file.seek(before)
    return size
