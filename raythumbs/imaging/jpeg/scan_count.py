"""How many scans a JPEG has: one, several, or so many that it is an attack."""

from io import SEEK_CUR
from typing import BinaryIO

from PIL import Image, JpegImagePlugin

from raythumbs.errors import TooLarge

_MOST_SCANS = 500  # the limit of libjpeg-turbo's own fuzzers; its usual script has 10
_SCAN = b"\xff\xda"
_SCAN_CODE = _SCAN[1]
_PIECE_BYTES = 1 << 20


def is_progressive(picture: Image.Image) -> bool:
    """Return whether the frame is progressive."""
    return "progressive" in picture.info


def has_several_scans(picture: JpegImagePlugin.JpegImageFile) -> bool:
    """Return whether the picture is made of several scans, all of whose coefficients a decoder keeps in memory."""
    return is_progressive(picture) or _is_split(picture)


def refuse_many_scans(picture: Image.Image, file: BinaryIO) -> None:
    """Raise TooLarge for a JPEG of more scans than any photo has: each one is decoded over the whole picture."""
    if not isinstance(picture, JpegImagePlugin.JpegImageFile) or not has_several_scans(picture):
        return
    place = file.tell()
    file.seek(0)
    scans, last = 0, b""
    while scans <= _MOST_SCANS and (piece := file.read(_PIECE_BYTES)):
        scans += (last + piece).count(_SCAN)
        last = piece[-1:]  # it may be the first half of a marker
    file.seek(place)
    if scans > _MOST_SCANS:
        raise TooLarge(f"the JPEG has more than {_MOST_SCANS} scans")


def _is_split(picture: JpegImagePlugin.JpegImageFile) -> bool:
    """Return whether the first scan has fewer components than the frame (ITU T.81, B.2.3), so that others follow."""
    file: BinaryIO | None = picture.fp  # type: ignore[assignment]
    if file is None:
        return False
    before = file.tell()
    try:
        return _first_scan_has_fewer_than(len(picture.layer), file)
    finally:
        file.seek(before)


def _first_scan_has_fewer_than(components: int, file: BinaryIO) -> bool:
    file.seek(2)
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:  # noqa: PLR2004 a marker and its length
        if head[1] == _SCAN_CODE:
            return file.read(1) < bytes([components])
        file.seek(max(0, int.from_bytes(head[2:], "big") - 2), SEEK_CUR)
    return False
