"""Names the format of a file that no allowed decoder opened. It looks at the first bytes; no other decoder is tried."""

import re
import struct
from collections.abc import Sequence

from raythumbs.errors import BadPicture, Corrupt, NotAnImage, TooLarge, Truncated, UnsupportedFormat, ZeroSized
from raythumbs.imaging.decoder_errors import (
    ENDS_TOO_SOON,
    is_about_a_limit,
    is_about_memory,
    is_about_the_end,
    is_about_the_kind,
    is_no_sentence,
)
from raythumbs.model.photo_format import PHOTO_FORMATS, photo_format_names

HEAD_BYTES = 64 * 1024  # enough for a JPEG's first segment and the beginning of the next

_FORMATS = photo_format_names()

# Each pattern is matched at the first byte. Sources: the formats' specifications, and file(1)'s magic.
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (rb"%PDF-", "PDF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (rb"8BPS", "Photoshop (PSD)"),
    (rb"(?:\xef\xbb\xbf)?\s*(?>(?:<\?xml.*?\?>|<!--.*?-->|<!DOCTYPE svg.*?>)\s*)*+<svg[\s>]", "SVG"),
    (rb"SIMPLE  =", "FITS"),
    (rb"icns", "Apple icon (ICNS)"),
    (rb"\x00\x00[\x01\x02]\x00[^\x00]\x00", "Windows icon (ICO, CUR)"),
    (rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\x00\x00\x00\x0cJXL \r\n\x87\n|\xff\x0a", "JPEG XL"),
    (rb"II\xbc\x01", "JPEG XR"),
    (rb"\xff\xd8\xff\xf7", "JPEG-LS"),
    (rb".{4}ftypcrx |.{8}CR\x02\x00|FUJIFILMCCD-RAW|II(?:RO|RS|U\x00)|MMOR|FOVb|\x00MRM", "camera's raw"),
    (rb".{4}ftyp(?!avi|he|mif|msf)|\x1aE\xdf\xa3|RIFF.{4}AVI ", "video"),
    (rb"P[1-7]\s", "PNM"),
    (rb"BA.{12}(?:BM|CI|CP|IC|PT)|(?:CI|CP|IC|PT).{12}[\x0c\x28\x40]\x00\x00\x00", "OS/2 bitmap array or icon"),
    (rb"\x8aMNG\r\n\x1a\n", "MNG"),
    (rb"\x8bJNG\r\n\x1a\n", "JNG"),
    (rb"FORM.{4}(?:ILBM|PBM )", "IFF (ILBM)"),
    (rb"SDPX|XPDS", "DPX"),
    (rb"FLIF", "FLIF"),
    (rb"farbfeld", "farbfeld"),
    (rb"qoif", "QOI"),
    (rb"v/1\x01", "OpenEXR"),
    (rb"#\?(?:RADIANCE|RGBE)", "Radiance HDR"),
    (rb"DDS ", "DDS"),
    (rb"gimp xcf", "GIMP (XCF)"),
    (rb"\x0a[\x00-\x05]\x01[\x01\x02\x04\x08]", "PCX"),
    (rb"\x01\xda[\x00\x01][\x01\x02]", "SGI"),
    (rb"\x59\xa6\x6a\x95", "Sun raster"),
    (rb"\xd7\xcd\xc6\x9a|\x01\x00\x00\x00.{36} EMF", "Windows metafile (WMF, EMF)"),
    (rb"AT&TFORM", "DjVu"),
    (rb"BPG\xfb", "BPG"),
    (rb"/\* XPM \*/", "XPM"),
)
_OURS = [(one.starts, one.name) for one in PHOTO_FORMATS if one.starts]
# The places of the picture's width and height in a format's header.
_SIZES: tuple[tuple[bytes, str], ...] = (
    (rb"\x89PNG\r\n\x1a\n....IHDR(.{4})(.{4})", ">I"),
    (rb"GIF8[79]a(..)(..)", "<H"),
    (rb"BM.{16}(.{4})(.{4})", "<i"),
    (rb"\xff\xd8.*?\xff[\xc0-\xc3].{2}[\x08\x0c](..)(..)", ">H"),
)
# The messages of decoders for a picture without width or height. A sound TIFF gets the second for no other reason.
_NOTHING = ("Zero image width", "TIFF opening failed. not identified by this driver")


def refusal(head: bytes, messages: Sequence[str]) -> BadPicture:
    """Return the error for a file, from its first bytes and from the messages of the decoders that tried to open it."""
    said = "; ".join(filter(None, map(_plain, messages)))
    if name := _named(head, _FOREIGN):
        return UnsupportedFormat(f"a {name} file; photos may be {_FORMATS}")
    if any(words in "; ".join(messages) for words in _NOTHING) or _announces_nothing(head):
        return ZeroSized("the picture has no width or no height")
    if (named := is_about_the_kind(said)) or "unknown pixel mode" in said:
        other = said if named else f"a TIFF of a kind of pixels that is not supported; photos may be {_FORMATS}"
        return UnsupportedFormat(other)
    if (too_large := is_about_memory(said) or is_about_a_limit(said)) or is_about_the_end("; ".join(messages)):
        return TooLarge(said) if too_large else Truncated(ENDS_TOO_SOON)
    if name := _named(head, _OURS):
        return Corrupt(f"a broken {name} file" + (f": {said}" if said else ""))
    return NotAnImage(f"no decoder of {_FORMATS} knows this file")


def _plain(message: str) -> str:
    """Return a decoder's message without Pillow's words around it; nothing if it says only that it failed."""
    what = message.partition(" opening failed. ")[2] or message
    return "" if what == "not identified by this driver" or is_no_sentence(what) else what


def _named(head: bytes, formats: Sequence[tuple[bytes, str]]) -> str | None:
    return next((name for pattern, name in formats if re.match(pattern, head, re.DOTALL)), None)


def _announces_nothing(head: bytes) -> bool:
    """Return whether a file's header says that the picture has no width or no height."""
    for pattern, kind in _SIZES:
        if size := re.match(pattern, head, re.DOTALL):
            return 0 in {struct.unpack(kind, side)[0] for side in size.groups()}
    return False
