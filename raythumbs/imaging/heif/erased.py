"""Finds what a lost block of a flash memory reads as: it was erased, so all its bits are 1.

Neither format forbids it. But an arithmetic coder writes a row of such bytes only for the least likely symbols, one
after the other. The longest row in 120 pictures (one colour, stripes, noise; every quality) was of 24 bytes, in a
chessboard of single pixels as AV1; in HEVC, of 6.
"""

_ERASED = b"\xff" * 256  # half of the smallest block, which may begin amid other data


def has_erased_block(data: bytes, start: int, end: int) -> bool:
    """Return whether a part of coded data was erased."""
    return data.find(_ERASED, start, end) >= 0
