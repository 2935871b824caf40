"""The JPEG decoder in C as Python sees it."""

from dataclasses import dataclass
from io import BufferedRandom, BufferedReader, BytesIO, FileIO
from typing import BinaryIO

from PIL import Image

from raythumbs.imaging.native.library import loaded
from raythumbs.imaging.native.memory import new_picture

MOST_EIGHTHS = 4
_DECODED, _NO_MEMORY, _DECODED_WITHOUT_END = 0, 2, 3  # shared.h, Outcome


@dataclass(frozen=True, slots=True)
class Native:
    """A picture with its pixels, and whether the file has its end marker."""

    picture: Image.Image
    has_end: bool


def decoded(file: BinaryIO, mode: str, size: tuple[int, int], eighths: int, *, is_part: bool = False) -> Native | None:
    """Return a JPEG's picture at so many eighths of its sides, of this mode (L, RGB or CMYK) and this size.

    A part of a progressive file has only those scans that suffice for this scale, and is in memory.

    Returns None for a file that is left to Pillow: because it is of a rare kind or not sound, or is not in memory or on
    a disk; because of the scale; or because the library is not there. Raises MemoryError.
    """
    library = loaded()
    if library is None or not 1 <= eighths <= MOST_EIGHTHS or mode not in {"L", "RGB", "CMYK"}:
        return None
    memory = new_picture(mode, size)
    into = eighths, memory.address, memory.bytes, *size
    if type(file) is BytesIO:
        data = file.getvalue()  # is not copied
        outcome = library.raythumbs_decode_jpeg(data, len(data), is_part, *into)
    elif _has_descriptor(file):
        outcome = library.raythumbs_decode_jpeg_file(file.fileno(), *into)
    else:
        return None
    if outcome == _NO_MEMORY:
        raise MemoryError
    if outcome not in {_DECODED, _DECODED_WITHOUT_END}:
        return None
    return Native(memory.picture, has_end=outcome == _DECODED)


def _has_descriptor(file: BinaryIO) -> bool:
    """Return whether the file is one of the system's, whose bytes are those that its descriptor has."""
    raw = file.raw if isinstance(file, (BufferedReader, BufferedRandom)) else file
    return isinstance(raw, FileIO)
