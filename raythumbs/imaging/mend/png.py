"""Leaves out the chunks of a PNG that no pixel needs and that Pillow would refuse it for.

A decoder may ignore any chunk whose name begins with a small letter (PNG 3rd edition, 4.7.2 and 13). Pillow refuses the
picture if such a chunk has a wrong checksum, a wrong length or an unknown compression, or if its text is long. Chunks
that the pixels need are left to Pillow, which is strict about them.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from raythumbs.errors import UnsupportedFormat
from raythumbs.imaging.mend.mended import Mended
from raythumbs.imaging.mend.png_chunks import Chunk, Fault, chunks_of, fault_of
from raythumbs.imaging.mend.spliced import Piece, spliced

NO_END = "the file ends before its last chunk (IEND)"

_MOST_NOTES = 8
_OF_APPS = b"CgBI"  # Xcode writes it first in pictures that only Apple's decoder reads


def mend_png(file: BinaryIO) -> Mended:
    """Return the PNG without broken chunks that no pixel needs, without long texts and without further frames.

    Exif behind the pixels is put before them, so that the orientation is known first. Raises TooLarge for a PNG with
    too many chunks, and UnsupportedFormat for one that is not read.
    """
    pixels_at: int | None = None
    header = b""
    moved: list[Chunk] = []
    faulty: list[tuple[Chunk, Fault]] = []
    has_end = False
    for chunk in chunks_of(file):
        if chunk.name == _OF_APPS:
            raise UnsupportedFormat("a PNG that was made for Apple's devices (CgBI), which is not read")
        if chunk.name == b"IHDR":
            header = chunk.read(file)
        elif chunk.name == b"IDAT":
            pixels_at = chunk.start if pixels_at is None else pixels_at
        elif chunk.name == b"IEND":
            has_end = chunk.is_whole
        elif chunk.is_optional and (fault := fault_of(chunk, file, header)):
            faulty.append((chunk, fault))
        elif chunk.name == b"eXIf" and pixels_at is not None:
            moved.append(chunk)
    if pixels_at is None:
        return Mended(file)  # it has no pixels: Pillow will tell why
    notes = dict.fromkeys(fault.note for _, fault in faulty if fault.note)
    notes |= {} if has_end else {NO_END: None}
    left_out = [*moved, *(chunk for chunk, _ in faulty)]
    mended = spliced(file, list(_pieces(file, left_out, moved, pixels_at))) if left_out else file
    return Mended(mended, tuple(notes)[:_MOST_NOTES])


def _pieces(file: BinaryIO, left_out: Sequence[Chunk], moved: Sequence[Chunk], pixels_at: int) -> Iterator[Piece]:
    """Give the file's pieces without some chunks, and with the moved ones before the pixels."""
    at = 0
    for chunk in sorted(left_out, key=lambda chunk: chunk.start):
        if at <= pixels_at < chunk.start:
            yield at, pixels_at
            yield from ((one.start, one.end) for one in moved)
            at = pixels_at
        yield at, chunk.start
        at = chunk.end
    size = file.seek(0, 2)
    if at <= pixels_at:
        yield at, pixels_at
        at = pixels_at
    yield min(at, size), size
