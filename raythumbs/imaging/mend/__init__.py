"""The step `mend`: leaves out the parts of a file that no pixel needs and that a decoder would refuse it for."""

from typing import BinaryIO

from raythumbs.imaging.mend.heif import mend_heif
from raythumbs.imaging.mend.mended import Mended


def mend(file: BinaryIO) -> Mended:
    """Return the file as a decoder is to read it, and a note for each thing that was left out or corrected.

    A sound file is returned as it is: nothing is copied. The file's pixels are never changed. Raises Truncated if
    pixels are missing and the decoder would hide that, and UnsupportedFormat for a sound file of a kind that is not
    read.
    """
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    if head[4:8] == b"ftyp":
        return mend_heif(file)
    return Mended(file)
