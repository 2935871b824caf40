"""Scans in which every coefficient is zero, in place of the scans that are left out.

libjpeg makes up coefficients that were never sent, so that the picture looks smooth (jdcoefct.c, smoothing_ok). That
costs time, and 10 dB.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import groupby

from raythumbs.imaging.jpeg.markers import COEFFICIENTS, Coefficient, Frame

_LONGEST_RUN = (1 << 15) - 1
# Without restarts. The Huffman table has fifteen codes of four bits each, for runs of 2^0 to 2^14 blocks.
_TABLES = bytes.fromhex("ffdd00040000 ffc40022 10 0000000f000000000000000000000000") + bytes(range(0, 240, 16))


def empty_scans(frame: Frame, sent: AbstractSet[Coefficient]) -> Iterator[bytes]:
    """Give the tables, and then scans with zero for each coefficient that was not sent."""
    yield _TABLES
    for one, component in frame.components.items():
        missing = [n for n in range(1, COEFFICIENTS) if (one, n) not in sent]
        for _, run in groupby(enumerate(missing), key=lambda at: at[1] - at[0]):
            band = [n for _, n in run]
            yield bytes((0xFF, 0xDA, 0, 8, 1, one, 0, band[0], band[-1], 0)) + _zeros(frame.blocks(component))


def _zeros(blocks: int) -> bytes:
    """Return entropy-coded data for so many empty blocks (T.81, G.1.2.2).

    It is made of runs. A run of 2^n blocks or more has n in four bits, and the number of further blocks in n bits.
    """
    bits = ""
    while blocks:
        run = min(blocks, _LONGEST_RUN)
        size = run.bit_length() - 1
        bits += f"{size:04b}" + f"{run:b}"[1:]
        blocks -= run
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
