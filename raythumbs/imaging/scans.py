"""Progressive JPEG by its scans: the part of a file that a small picture needs.

A progressive JPEG (ITU-T T.81, annex G) sends the coefficients of each block of 8x8 in several scans, the high bits
first. A decoder that halves a picture's sides looks at 4x4 of them only, at 3/8 3x3, at 1/4 2x2, at 1/8 1x1. So whole
scans can be left out; what is left is a valid JPEG of a fraction of the bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from io import SEEK_END
from itertools import groupby, islice
from math import ceil
from typing import BinaryIO

from raythumbs.imaging.markers import BLOCK, COEFFICIENTS, Coefficient, Component, Frame, Reader, Scan, Unusual

_MOST_SCANS = 100  # libjpeg's own script has 10
_TAIL_BYTES = 64 * 1024  # where a whole file has its end, whatever a camera wrote behind it
_WORTH_IT = 0.9  # of the bytes
_EOI = b"\xff\xd9"
_LONGEST_RUN = (1 << 15) - 1
# No restarts; and a Huffman table of fifteen codes of four bits each, for runs of 2^0 to 2^14 blocks.
_RUNS_OF_NOTHING = bytes.fromhex("ffdd00040000 ffc40022 10 0000000f000000000000000000000000") + bytes(range(0, 240, 16))
# How much of a coefficient may be missing: its quantisation step times the bits that were not sent. By measurement:
# tests/imaging/test_scans.py holds thumbnails to 50 dB of what the whole file gives.
_COARSE_DC = 4
_COARSE_AC = 3


def part_for(file: BinaryIO, shrink: int, *, spare: float = 1) -> bytes | None:
    """Return the part of a progressive JPEG that decoding at 1/`shrink` (2, 3, 4 or 8) needs, as a JPEG of its own.

    What is decoded will be twice the size of the thumbnail, times `spare`: the more, the more errors average out.

    Returns None for what the ordinary decoder shall read: a file of which everything is needed, or that is not
    progressive, arithmetic-coded, oddly ordered, broken, of too many scans, or without an end.
    """
    try:
        part = _needed_part(Reader(file), shrink, spare) if _has_end(file) else None
    except Unusual:
        return None
    return part if part and len(part) < _WORTH_IT * file.seek(0, SEEK_END) else None


def _has_end(file: BinaryIO) -> bool:
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    has_end = _EOI in file.read()
    file.seek(0)
    return has_end


def _needed_part(reader: Reader, shrink: int, spare: float) -> bytes:
    frame = reader.frame()
    missing = {
        (one, n): component.steps[n]
        for one, component in frame.components.items()
        for n in _corner(_sides(component, frame, shrink))
    }  # the quantisation steps of what is not yet fine enough
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
            return _assembled(reader, frame, scans, helpful)
    raise Unusual


def _sides(component: Component, frame: Frame, shrink: int) -> int:
    """Return the side of the block that libjpeg computes of a component (jdmaster.c, jpeg_calc_output_dimensions):
    one that is sampled less is shrunk less."""
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
    """Return which coefficients lie in the corner of the block, by their number in the file's zigzag (T.81, A.6)."""
    zigzag = sorted(
        ((down, across) for down in range(BLOCK) for across in range(BLOCK)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
    return [n for n, at in enumerate(zigzag) if max(at) < sides]


def _follow(sent: dict[Coefficient, int], scan: Scan) -> None:
    """Note what a scan sends, if it is in order (T.81, G.1.1.1): DC apart from AC, AC of one component, bit by bit."""
    if (scan.first == 0) != (scan.last == 0) or (scan.first and len(scan.components) > 1):
        raise Unusual
    for one in scan.coefficients:
        before = sent.get(one)
        if before != (scan.above or None) or (before is not None and scan.low != before - 1):
            raise Unusual
        sent[one] = scan.low


def _fine(one: Coefficient, step: int, sent: Mapping[Coefficient, int], spare: float) -> bool:
    low = sent.get(one)
    coarse = _COARSE_AC * spare**3 if one[1] else _COARSE_DC
    return low == 0 or (low is not None and step << low <= coarse)


def _assembled(reader: Reader, frame: Frame, scans: Sequence[Scan], helpful: Sequence[int]) -> bytes:
    """Join the scans that help, those that they refine (a refinement is read by what was sent before), and nothing."""
    kept = set(helpful)
    for at in reversed(range(len(scans))):
        if at in kept and scans[at].above:
            coefficients = set(scans[at].coefficients)
            kept |= {before for before in range(at) if not coefficients.isdisjoint(scans[before].coefficients)}
    sent = {one for at in kept for one in scans[at].coefficients}
    places = [place for at, scan in enumerate(scans) for place in (scan.tables, scan.data)[: 2 if at in kept else 1]]
    pieces = map(reader.bytes_at, places)
    return b"".join((frame.header, *pieces, _RUNS_OF_NOTHING, *_empty_scans(frame, sent), _EOI))


def _empty_scans(frame: Frame, sent: AbstractSet[Coefficient]) -> Iterator[bytes]:
    """Send zero for what is left out. Of coefficients never sent libjpeg makes up some, to look smooth (jdcoefct.c,
    smoothing_ok): that costs time, and 10 dB."""
    for one, component in frame.components.items():
        missing = [n for n in range(1, COEFFICIENTS) if (one, n) not in sent]
        for _, run in groupby(enumerate(missing), key=lambda at: at[1] - at[0]):
            band = [n for _, n in run]
            yield bytes((0xFF, 0xDA, 0, 8, 1, one, 0, band[0], band[-1], 0)) + _zeros(frame.blocks(component))


def _zeros(blocks: int) -> bytes:
    """Return entropy-coded bytes that say of so many blocks that nothing is in them: runs of 2^n blocks and more, n as
    four bits, how many more as n bits (T.81, G.1.2.2)."""
    bits = ""
    while blocks:
        run = min(blocks, _LONGEST_RUN)
        size = run.bit_length() - 1
        bits += f"{size:04b}" + f"{run:b}"[1:]
        blocks -= run
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
