"""A big-endian BigTIFF with the directory of an ordinary TIFF, which Pillow can read.

Pillow 13 looks for BigTIFF's mark in the wrong one of two bytes if the file is big-endian. The pixels stay where they
are; the new directory follows them.
"""

import struct
from collections.abc import Sequence
from os import SEEK_END
from typing import BinaryIO

from raythumbs.errors import UnsupportedFormat
from raythumbs.imaging.mend.mended import Mended
from raythumbs.imaging.mend.spliced import spliced
from raythumbs.imaging.tables import refuse_long_tables

_PLACE, _COUNT, _ENTRY = struct.Struct(">8xQ"), struct.Struct(">Q"), struct.Struct(">HHQ8s")
_IN_ENTRY, _IN_BIG_ENTRY = 4, 8  # bytes of a value that an entry itself holds
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_OF_64_BITS = {16: 4, 17: 9, 18: 13}  # types of 64 bits, and their fellows of 32
_MOST = 1 << 32

_Entry = tuple[int, int, int, bytes]


def mend_big_tiff(file: BinaryIO) -> Mended:
    """Return the file with an ordinary directory. Raises TooLarge, or UnsupportedFormat if its places need 64 bits."""
    refuse_long_tables(file)
    end = file.seek(0, SEEK_END)
    file.seek(0)
    try:
        file.seek(_PLACE.unpack(file.read(16))[0])
        [count] = _COUNT.unpack(file.read(_COUNT.size))
        entries = [entry for entry in _ENTRY.iter_unpack(file.read(count * _ENTRY.size)) if entry[1] in _SIZES]
    except (struct.error, OverflowError):  # the decoder will say that the directory is missing
        return Mended(file)
    at = end + end % 2
    if at >= _MOST:
        raise UnsupportedFormat("a big-endian BigTIFF of more than 4 GiB")
    head = struct.pack(">2sHI", b"MM", 42, at)
    return Mended(spliced(file, [head, (len(head), end), bytes(end % 2), _directory(file, entries, at)]))


def _directory(file: BinaryIO, entries: Sequence[_Entry], at: int) -> bytes:
    """Return the directory, and behind it the values that no longer fit into an entry."""
    behind = at + 2 + 12 * len(entries) + 4
    directory, values = struct.pack(">H", len(entries)), b""
    for tag, kind, count, field in entries:
        size = count * _SIZES[kind]
        if size > _IN_BIG_ENTRY and kind not in _OF_64_BITS:
            value = _of_32_bits(field)  # the place of a value that stays where it is
        else:
            value = _value(file, kind, size, field)
        if len(value) > _IN_ENTRY:
            value, values = struct.pack(">I", behind + len(values)), values + value
        directory += struct.pack(">HHI4s", tag, _OF_64_BITS.get(kind, kind), count, value)
    return directory + bytes(4) + values


def _value(file: BinaryIO, kind: int, size: int, field: bytes) -> bytes:
    """Return a tag's value, with numbers of 32 bits instead of 64."""
    value = field[:size]
    if size > _IN_BIG_ENTRY:
        file.seek(_COUNT.unpack(field)[0])
        value = file.read(size)
    return _of_32_bits(value) if kind in _OF_64_BITS else value


def _of_32_bits(numbers: bytes) -> bytes:
    """Return the numbers in 32 bits; one that needs more becomes the largest, where no file has anything."""
    longs = struct.iter_unpack(">Q", numbers[: len(numbers) // 8 * 8])
    return b"".join(struct.pack(">I", min(number, _MOST - 1)) for (number,) in longs)
