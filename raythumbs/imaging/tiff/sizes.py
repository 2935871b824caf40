"""Finds strips and tiles whose size in the file is wrong. Their pixels may be there all the same."""

from os import SEEK_END
from typing import BinaryIO

from raythumbs.imaging.tiff.layout import Layout

WRONG_SIZE = "the size of a strip or tile of the TIFF is wrong, and was ignored"


def notes_of_sizes(layout: Layout, file: BinaryIO) -> tuple[str, ...]:
    """Return a note if a strip or tile has no size, or one that leads behind the end of the file."""
    end = file.seek(0, SEEK_END)
    places = zip(layout.offsets, layout.sizes, strict=False)  # a TIFF need not have sizes
    return (WRONG_SIZE,) if any(size == 0 or offset + size > end for offset, size in places) else ()
