"""Whether a JPEG's pixels end before its end marker does.

libjpeg fills what is missing with grey and only warns, which Pillow does not pass on. But it reads as many blocks as
the picture has: more data before the end marker changes a picture that lacks some, and is skipped by one that is whole.
"""

import re
from typing import BinaryIO

from PIL import Image

_GREY = range(126, 130)  # what missing blocks decode to: half of 255, rounded either way
_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # not a stuffed byte, nor a restart (ITU T.81, B.1.1)
_END = b"\xd9"
_BLOCKS = bytes(range(1, 255, 2))
_MORE = _BLOCKS + b"".join(bytes([0xFF, 0xD0 + number]) + _BLOCKS for number in range(8))  # and between restarts


def ends_in_grey(picture: Image.Image) -> bool:
    """Return whether the last pixel is as grey as a missing one would be."""
    last = picture.getpixel((picture.width - 1, picture.height - 1))
    samples = last if isinstance(last, tuple) else (last,)
    return all(sample is not None and int(sample) in _GREY for sample in samples)


def with_more_data(file: BinaryIO) -> bytes | None:
    """Return the file with more data before its end marker; None, if it has no such marker."""
    file.seek(0)
    data = file.read()
    at = 2
    while found := _MARKER.search(data, at):
        if found[1] == _END:
            return data[: found.start()] + _MORE + data[found.start() :]
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return None
