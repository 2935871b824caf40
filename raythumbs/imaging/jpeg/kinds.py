"""The kinds of JPEG that are sound and yet not read (ITU-T T.81, table B.1)."""

from typing import BinaryIO

from raythumbs.errors import UnsupportedFormat
from raythumbs.imaging.jpeg.heads import Segment
from raythumbs.imaging.jpeg.scan_markers import markers

_LOSSLESS, _HIERARCHICAL = {0xC3, 0xCB}, {0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE}
_JPEG_LS = 0xF7  # ITU-T T.87
_HEIGHT = 0xDC
FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_FRAME_BYTES = 6  # before the list of components
_BITS, _COMPONENTS = 8, {1, 3, 4}


def refuse_other_kinds(segments: list[Segment], file: BinaryIO) -> None:
    """Raise UnsupportedFormat for a JPEG that the decoder does not know."""
    for segment in segments:
        if kind := _kind(segment, file):
            raise UnsupportedFormat(f"{kind}, which is not read")
        if segment.code in FRAMES and _tells_its_height_later(segment, file):
            raise UnsupportedFormat("a JPEG that tells its height behind its pixels (DNL), which is not read")


def _kind(segment: Segment, file: BinaryIO) -> str | None:
    if segment.code == _JPEG_LS:
        return "a JPEG-LS file"
    if segment.code in _LOSSLESS:
        return "a lossless JPEG"
    if segment.code in _HIERARCHICAL:
        return "a hierarchical JPEG"
    if segment.code not in FRAMES or len(frame := segment.read(file, _FRAME_BYTES)) < _FRAME_BYTES:
        return None
    bits, components = frame[0], frame[-1]
    if bits != _BITS:
        return f"a JPEG of {bits} bits a sample"
    return None if components in _COMPONENTS else f"a JPEG of {components} components"


def _tells_its_height_later(frame: Segment, file: BinaryIO) -> bool:
    """Return whether the frame's height is 0 and a segment behind the first scan has it (T.81, B.2.5)."""
    return frame.read(file, 3)[1:] == bytes(2) and any(marker.code == _HEIGHT for marker in markers(file))
