"""The step `mend`: leaves out the parts of a file that no pixel needs and that a decoder would refuse it for."""

from typing import BinaryIO

from raythumbs.imaging.mend.big_tiff import BIG_ENDIAN, mend_big_tiff
from raythumbs.imaging.mend.mended import Mended


def mend(file: BinaryIO) -> Mended:
    """Return the file as a decoder is to read it, and a note for each thing that was left out or corrected.

    A sound file is returned as it is: nothing is copied. The file's pixels are never changed.
    """
    file.seek(0)
    big_tiff = file.read(len(BIG_ENDIAN)) == BIG_ENDIAN
    file.seek(0)
    return mend_big_tiff(file) if big_tiff else Mended(file)
