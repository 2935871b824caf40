"""Refuses a HEIC or AVIF that lacks coded data: decoders conceal it.

libheif 1.23 shows a tile without data in green; libde265 and dav1d decode zeros as if they were data. A download that
was broken off is cut or ends in zeros; a lost block of a disk is a hole of zeros.
"""

from typing import BinaryIO

from raythumbs.errors import Corrupt, Truncated
from raythumbs.imaging.head_limits import at_most
from raythumbs.imaging.heif.boxes import size_of
from raythumbs.imaging.heif.byte_ranges import ByteRange, byte_ranges
from raythumbs.imaging.heif.hevc import lacks_slices
from raythumbs.imaging.heif.meta import Meta
from raythumbs.imaging.heif.needed import needed_items
from raythumbs.imaging.heif.obus import lacks_frames


def refuse_missing_data(file: BinaryIO, meta: Meta) -> None:
    """Raise Truncated if data is missing of an item that the picture needs, and Corrupt if such an item is."""
    size = size_of(file)
    read: set[tuple[ByteRange, ...]] = set()
    read_bytes = 0
    for item in needed_items(meta):
        if item not in meta.kinds:
            raise Corrupt(f"the picture needs part {item}, which the file does not have")
        if meta.kinds[item] == b"iden":  # it has no data of its own
            continue
        where = tuple(byte_ranges(meta, item, size))
        if where in read:  # tiles that look alike may share their data
            continue
        read.add(where)
        read_bytes += sum(end - start for start, end in where)
        at_most(read_bytes, 2 * size, "bytes of coded data in the file")
        if _lacks_data(meta, item, _read(file, where)):
            raise Truncated("a part of the picture's coded data is missing or was overwritten")


def _lacks_data(meta: Meta, item: int, data: bytes) -> bool:
    match meta.kinds[item]:
        case b"hvc1":
            configuration = meta.first(item, b"hvcC")
            return configuration is None or lacks_slices(data, configuration)
        case b"av01":
            return lacks_frames(data)
        case _:
            return not data


def _read(file: BinaryIO, where: tuple[ByteRange, ...]) -> bytes:
    pieces = []
    for start, end in where:
        file.seek(start)
        pieces.append(file.read(end - start))
    return b"".join(pieces)
