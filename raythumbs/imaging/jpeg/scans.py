"""The part of a progressive JPEG that a small picture needs.

A progressive JPEG (ITU-T T.81, annex G) sends the coefficients of each block of 8x8 in several scans, the high bits
first. A decoder uses only 4x4 of them at 1/2 of the picture's sides, 3x3 at 3/8, 2x2 at 1/4 and 1x1 at 1/8. So whole
scans can be left out. The remaining scans are a valid JPEG of a fraction of the bytes.
"""

from collections.abc import Mapping, Sequence
from io import SEEK_END
from itertools import islice
from math import ceil
from typing import BinaryIO

from raythumbs.imaging.jpeg.empty_scans import empty_scans
from raythumbs.imaging.jpeg.markers import BLOCK, COEFFICIENTS, Coefficient, Component, Frame, Reader, Scan, Unusual

_MOST_SCANS = 100  # libjpeg's own script has 10
_TAIL_BYTES = 64 * 1024  # a whole file has its end marker in this tail, even if a camera wrote data behind it
_WORTH_IT = 0.9  # of the file's bytes: a larger part saves no time
_EOI = b"\xff\xd9"
# The largest error that a coefficient may have: its quantisation step, shifted by the number of bits that were not
# sent. These values are measured: tests/imaging/jpeg/test_scans.py checks that thumbnails of the part are within 50 dB
# of thumbnails of the whole file.
_COARSE_DC = 4
_COARSE_AC = 3


def needed_part(file: BinaryIO, shrink: int, *, spare: float = 1) -> bytes | None:
    """Return a JPEG with only those scans of a progressive JPEG that decoding at 1/`shrink` (2, 3, 4 or 8) needs.

    `spare` is how much larger the decoded picture is than twice the thumbnail: the larger, the more errors average out.

    Returns None if the whole file is to be decoded: because all of it is needed; or because it is not progressive, is
    arithmetic-coded, is broken, has its scans in an odd order or too many of them, or has no end marker.
    """
    part = needed_scans(file, shrink, spare=spare) if _has_end(file) else None
    return part if part and len(part) < _WORTH_IT * file.seek(0, SEEK_END) else None


def needed_scans(file: BinaryIO, shrink: int, *, spare: float = 1) -> bytes | None:
    """Return the same part, however much of the file it is; None if the file does not have all scans of it."""
    file.seek(0)
    try:
        return _part(Reader(file), shrink, spare)
    except Unusual:
        return None


def may_end_amid_a_scan(file: BinaryIO) -> bool:
    """Return whether the last scan of a progressive JPEG may be cut by an end marker in its data.

    It may be if bits of coefficients were never sent, or if there is data behind the end marker. Both also happen in
    sound files. A file that cannot be followed is not looked at.
    """
    file.seek(0)
    reader = Reader(file)
    sent: dict[Coefficient, int] = {}
    try:
        frame = reader.frame()
        for scan in islice(reader.scans(frame), _MOST_SCANS):
            _follow(sent, scan)
    except Unusual:
        return False
    return _last_may_be_cut(reader, frame, sent)


def _last_may_be_cut(reader: Reader, frame: Frame, sent: Mapping[Coefficient, int]) -> bool:
    if not reader.has_ended:
        return False
    is_complete = all(sent.get((one, n)) == 0 for one in frame.components for n in range(COEFFICIENTS))
    return not is_complete or reader.has_more()


def _has_end(file: BinaryIO) -> bool:
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    has_end = _EOI in file.read()
    file.seek(0)
    return has_end


def _part(reader: Reader, shrink: int, spare: float) -> bytes:
    """Read scans until every needed coefficient is fine enough; return the helpful ones. Raises Unusual."""
    frame = reader.frame()
    missing = {
        (one, n): component.steps[n]
        for one, component in frame.components.items()
        for n in _corner(_sides(component, frame, shrink))
    }  # the quantisation steps of the needed coefficients that are not yet fine enough
    sent: dict[Coefficient, int] = {}
    scans: list[Scan] = []
    helpful: list[int] = []
    for scan in islice(reader.scans(frame), _MOST_SCANS):
        _follow(sent, scan)
        if not missing.keys().isdisjoint(scan.coefficients):
            helpful.append(len(scans))
        scans.append(scan)
        missing = {one: step for one, step in missing.items() if not _fine(one, step, sent, spare)}
        if not missing:
            if _last_may_be_cut(reader, frame, sent):
                raise Unusual
            return _assembled(reader, frame, scans, helpful)
    raise Unusual


def _sides(component: Component, frame: Frame, shrink: int) -> int:
    """Return the side of the blocks that libjpeg computes for a component (jdmaster.c, jpeg_calc_output_dimensions).

    A component with fewer samples is shrunk less.
    """
    most_across = max(one.across for one in frame.components.values())
    most_down = max(one.down for one in frame.components.values())
    least = sides = ceil(BLOCK / shrink)
    while (
        sides < BLOCK
        and most_across * least % (component.across * sides * 2) == 0
        and most_down * least % (component.down * sides * 2) == 0
    ):
        sides *= 2
    return sides


def _corner(sides: int) -> list[int]:
    """Return the coefficients in the corner of a block, by their number in the file's zigzag order (T.81, A.6)."""
    zigzag = sorted(
        ((down, across) for down in range(BLOCK) for across in range(BLOCK)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
    return [n for n, at in enumerate(zigzag) if max(at) < sides]


def _follow(sent: dict[Coefficient, int], scan: Scan) -> None:
    """Note which bits a scan sends. Raises Unusual for a scan against the rules (T.81, G.1.1.1).

    A scan sends either DC or AC; AC of one component only; and a refinement sends the next bit.
    """
    if (scan.first == 0) != (scan.last == 0) or (scan.first and len(scan.components) > 1):
        raise Unusual
    for one in scan.coefficients:
        before = sent.get(one)
        if before != (scan.above or None) or (before is not None and scan.low != before - 1):
            raise Unusual
        sent[one] = scan.low


def _fine(one: Coefficient, step: int, sent: Mapping[Coefficient, int], spare: float) -> bool:
    """Return whether enough bits of a coefficient were sent."""
    low = sent.get(one)
    coarse = _COARSE_AC * spare**3 if one[1] else _COARSE_DC
    return low == 0 or (low is not None and step << low <= coarse)


def _assembled(reader: Reader, frame: Frame, scans: Sequence[Scan], helpful: Sequence[int]) -> bytes:
    """Join the helpful scans and those that they refine, with zero for all other coefficients.

    A refinement can only be decoded after the scans that it refines.
    """
    kept = set(helpful)
    for at in reversed(range(len(scans))):
        if at in kept and scans[at].above:
            coefficients = set(scans[at].coefficients)
            kept |= {before for before in range(at) if not coefficients.isdisjoint(scans[before].coefficients)}
    sent = {one for at in kept for one in scans[at].coefficients}
    places = [place for at, scan in enumerate(scans) for place in (scan.tables, scan.data)[: 2 if at in kept else 1]]
    pieces = map(reader.bytes_at, places)
    return b"".join((frame.header, *pieces, *empty_scans(frame, sent), _EOI))
