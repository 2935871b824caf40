"""The brands by which a decoder knows a HEIC or AVIF (ISOBMFF, 4.3).

Pillow's plugins know a file by its first brand, which may be that of a film or of a profile. libheif and libavif read
the others too: each wants one of its coding, and libheif wants a film if one of the brands is that of a film.
"""

import struct
from typing import BinaryIO

from raythumbs.imaging.heif.boxes import top_boxes
from raythumbs.imaging.heif.codings import HEVC
from raythumbs.imaging.mend.heif.patch import Patch

_PLACE = 8  # in the file, of the first brand; a version of 4 bytes follows, then the other brands
_MOST_BRANDS = 64
_ITEMS, _FILM = b"mif1", b"msf1"  # HEIF, 10.2 and 10.3: of any coding
_HEIC, _AVIF = b"heic", b"avif"
_HEIF = {b"hei", b"hev", b"mif", b"msf", b"avi"}  # the beginnings of all of their brands


def brands(file: BinaryIO) -> list[bytes]:
    """Return the file's brands, the most important one first."""
    file.seek(0)
    size = int.from_bytes(file.read(4), "big")
    file.seek(_PLACE)
    first, _, others = file.read(4), file.read(4), file.read(min(max(size - 16, 0), 4 * _MOST_BRANDS))
    return [first, *(others[at : at + 4] for at in range(0, len(others) // 4 * 4, 4))]


def is_heif(file: BinaryIO) -> bool:
    """Return whether the first brand is that of a HEIC or AVIF, or of a film of one."""
    return brands(file)[0][:3] in _HEIF


def other_brands(file: BinaryIO, coding: bytes) -> list[Patch]:
    """Return the patches that give a file with a picture the brand of its coding, if its decoder would not know it.

    A film of AV1 that is cut is hidden: its picture may be whole.
    """
    first, *others = brands(file)
    if coding == HEVC:
        known = _FILM not in others and (first in {_HEIC, b"heix"} or (first == _ITEMS and _AVIF not in others))
        return [] if known else [_patch(_HEIC, others=len(others))]
    if is_av1_film(file):
        return [_patch(_AVIF, others=len(others)), *_hidden_films(file)] if is_cut(file) else []
    known = first == _AVIF or (first == _ITEMS and _AVIF in others)
    return [] if known else [_patch(_AVIF, others=len(others))]


def is_cut(file: BinaryIO) -> bool:
    """Return whether the file ends amid its data."""
    return any(box.is_cut and box.kind == b"mdat" for box in top_boxes(file))


def _hidden_films(file: BinaryIO) -> list[Patch]:
    return [Patch(box.start + 4, b"free") for box in top_boxes(file) if box.kind == b"moov"]


def is_av1_film(file: BinaryIO) -> bool:
    """Return whether libavif shows the first frame of a film in place of a picture."""
    return brands(file)[0] == b"avis" and has_film(file)


def has_film(file: BinaryIO) -> bool:
    """Return whether the file has the box of a film."""
    return any(box.kind == b"moov" for box in top_boxes(file))


def _patch(brand: bytes, *, others: int) -> Patch:
    return Patch(_PLACE, brand + struct.pack(">I", 0) + brand * others)
