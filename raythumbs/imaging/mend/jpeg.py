"""Leaves out the segments of a JPEG that no pixel needs and that Pillow would refuse it for.

libjpeg and browsers ignore an application's segment that is too short, and use a colour profile only if all of its
pieces are there. Pillow fails at the former, drops the latter without a word, and overlooks a profile that comes behind
the frame's header.
"""

from collections.abc import Iterator, Sequence
from io import SEEK_END
from typing import BinaryIO

from raythumbs.imaging.jpeg.heads import Segment, head_segments, refuse_fill_bytes
from raythumbs.imaging.jpeg.kinds import FRAMES, refuse_other_kinds
from raythumbs.imaging.mend.mended import Mended
from raythumbs.imaging.mend.spliced import Piece, spliced

PROFILE_INCOMPLETE = "colour profile ignored: not all of its pieces are there"

_TEMPORARY = 0x01  # means nothing outside of arithmetic coding (ITU-T T.81, table B.1)
_SCAN, _JFIF, _ICC, _PHOTOSHOP, _ADOBE = 0xDA, 0xE0, 0xE2, 0xED, 0xEE
_NAMES = {_JFIF: b"JFIF", _ADOBE: b"Adobe"}
_EMPTY = b"\x00\xff"
_PIECE_BYTES = 1 << 16
_LEAST_BYTES = 7  # that Pillow reads of either
_MOST_PIECES = 255
_ICC_NAME = b"ICC_PROFILE\0"  # ICC.1:2022, B.4; then the piece's number and the number of pieces


def mend_jpeg(file: BinaryIO) -> Mended:
    """Return the JPEG without broken segments that no pixel needs, and its colour profile before the frame's header.

    It ends where empty bytes take the place of data.

    Raises TooLarge for a head of too many segments, and UnsupportedFormat for a kind of JPEG that is not read.
    """
    segments = head_segments(file)
    size = file.seek(0, SEEK_END)
    has_scan = bool(segments) and segments[-1].code == _SCAN
    end = min(size, max(_end_of_data(file, size), segments[-1].end)) if has_scan else size
    refuse_fill_bytes(file, end)
    refuse_other_kinds(segments, file)
    left_out = [one for one in segments if one.code in {_TEMPORARY, _PHOTOSHOP}]
    short = [one for one in segments if one.code in _NAMES and _is_too_short(one, file)]
    notes = [f"the segment {_NAMES[one.code].decode()} was ignored: it is too short" for one in short]
    profile = [one for one in segments if one.code == _ICC and one.read(file, len(_ICC_NAME)) == _ICC_NAME]
    frame = next((one.start for one in segments if one.code in FRAMES), None)
    moved: list[Segment] = []
    if profile and not _is_complete(profile, file):
        left_out += profile
        notes.append(PROFILE_INCOMPLETE)
    elif frame is not None:
        moved = [one for one in profile if one.start > frame]
    left_out += short + moved
    if not left_out and end == size:
        return Mended(file)
    left_out.sort(key=lambda one: one.start)
    return Mended(spliced(file, list(_pieces(left_out, moved, frame, end))), tuple(dict.fromkeys(notes)))


def _is_too_short(segment: Segment, file: BinaryIO) -> bool:
    return segment.size < _LEAST_BYTES and segment.read(file).startswith(_NAMES[segment.code])


def _is_complete(profile: Sequence[Segment], file: BinaryIO) -> bool:
    """Return whether the pieces of a profile are numbered from 1 to their number, which each of them tells."""
    numbers = [one.read(file, len(_ICC_NAME) + 2)[len(_ICC_NAME) :] for one in profile]
    count = len(profile)
    return count <= _MOST_PIECES and sorted(numbers) == [bytes((at + 1, count)) for at in range(count)]


def _end_of_data(file: BinaryIO, size: int) -> int:
    """Return the place of the bytes 00 or FF that a file ends in; its size if it does not end in two of them.

    A download that stopped leaves zeros in place of data, and a damaged memory card the one or the other. A decoder
    would make smears of zeros.
    """
    end = size
    file.seek(max(0, end - 2))
    if file.read().strip(_EMPTY):
        return end
    while end:
        start = max(0, end - _PIECE_BYTES)
        file.seek(start)
        if piece := file.read(end - start).rstrip(_EMPTY):
            return start + len(piece)
        end = start
    return end


def _pieces(left_out: Sequence[Segment], moved: Sequence[Segment], frame: int | None, end: int) -> Iterator[Piece]:
    """Give the pieces up to `end` without some segments, and with the moved ones before the frame's header."""
    at = 0
    for segment in left_out:
        if moved and frame is not None and at <= frame < segment.start:
            yield at, frame
            yield from ((one.start, one.end) for one in moved)
            at = frame
        yield at, segment.start
        at = segment.end
    yield at, max(at, end)
