"""The step `mend`: leaves out the parts of a file that no pixel needs and that a decoder would refuse it for."""

import re
from collections.abc import Callable
from typing import BinaryIO

from raythumbs.imaging.mend.big_tiff import mend_big_tiff
from raythumbs.imaging.mend.gif import mend_gif
from raythumbs.imaging.mend.heif import mend_heif
from raythumbs.imaging.mend.jpeg import mend_jpeg
from raythumbs.imaging.mend.mended import Mended
from raythumbs.imaging.mend.png import mend_png
from raythumbs.imaging.mend.webp import mend_webp

_MENDERS: tuple[tuple[bytes, Callable[[BinaryIO], Mended]], ...] = (  # by a file's first bytes
    (rb"\xff\xd8\xff", mend_jpeg),
    (rb"\x89PNG\r\n\x1a\n", mend_png),
    (rb"GIF8[79]a", mend_gif),
    (rb"RIFF.{4}WEBP", mend_webp),
    (rb".{4}ftyp", mend_heif),
    (rb"MM\x00\+", mend_big_tiff),
)
_MOST_FIRST_BYTES = 12


def mend(file: BinaryIO) -> Mended:
    """Return the file as a decoder is to read it, and a note for each thing that was left out or corrected.

    A sound file is returned as it is: nothing is copied. The file's pixels are never changed. Raises TooLarge for a
    file of so many parts that it is an attack, Truncated if pixels are missing and the decoder would hide that, and
    UnsupportedFormat for a sound file of a kind that is not read.
    """
    file.seek(0)
    first = file.read(_MOST_FIRST_BYTES)
    file.seek(0)
    mended = next((mender(file) for start, mender in _MENDERS if re.match(start, first, re.DOTALL)), Mended(file))
    mended.file.seek(0)
    return mended
