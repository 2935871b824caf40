"""From the unpacked bytes of a strip's or tile's rows to samples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from raythumbs.imaging.tiff.layout import Layout
from raythumbs.imaging.tiff.tags import Numbers

Bytes = NDArray[np.uint8]
Samples = NDArray[Any]

_WHOLE = {8, 16, 32, 64}  # depths of samples that begin at a byte
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3  # predictors: TIFF 6.0, section 14, and Adobe's TIFF Technical Note 3


def samples(rows: Bytes, layout: Layout, *, channels: int, big_endian: bool) -> Samples:
    """Return the samples (row, column, channel) of rows of bytes."""
    if layout.bits not in _WHOLE:
        return _unpacked(rows, layout.block[0] * channels, layout.bits).reshape(len(rows), -1, channels)
    if layout.predictor == _FLOAT_DIFFERENCES:
        return _floats(rows, layout.bits // 8, channels)
    order = ">" if big_endian else "<"
    numbers = rows.view(f"{order}u{layout.bits // 8}").reshape(len(rows), -1, channels)
    numbers = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    if layout.predictor == _DIFFERENCES:
        numbers = np.cumsum(numbers, axis=1, dtype=numbers.dtype)
    return numbers.view(_kind(layout))


def _kind(layout: Layout) -> str:
    letter = {Numbers.UNSIGNED: "u", Numbers.SIGNED: "i", Numbers.FLOAT: "f"}[layout.numbers]
    return f"{letter}{layout.bits // 8}"


def _floats(rows: Bytes, width_bytes: int, channels: int) -> Samples:
    """Undo the predictor of floats: the bytes of a row were sorted by their place in a number, and subtracted."""
    summed = np.cumsum(rows.reshape(len(rows), -1, channels), axis=1, dtype=np.uint8)
    by_place = summed.reshape(len(rows), width_bytes, -1)
    highest_first = np.ascontiguousarray(by_place.transpose(0, 2, 1))
    return highest_first.view(f">f{width_bytes}").reshape(len(rows), -1, channels)


def _unpacked(rows: Bytes, count: int, bits: int) -> Samples:
    """Return `count` samples of each row. They have up to 16 bits, the highest first, and may begin amid a byte."""
    first = np.arange(count) * bits
    padded = np.pad(rows, ((0, 0), (0, 2)))
    found: NDArray[np.uint32] = np.zeros((len(rows), count), np.uint32)
    for place in range(3):  # a sample touches at most three bytes
        found <<= 8
        found |= padded[:, first // 8 + place]
    found >>= (24 - bits - first % 8).astype(np.uint32)
    return (found & ((1 << bits) - 1)).astype(np.uint16)
