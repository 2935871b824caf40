"""Hides broken Exif and XMP of a HEIC or AVIF from its decoder, which would refuse the file for them.

Nothing in them is needed: a HEIC or AVIF is turned by its properties alone.
"""

from collections.abc import Iterator
from typing import BinaryIO

from raythumbs.errors import BadPicture
from raythumbs.imaging.heif.boxes import Box, boxes, size_of
from raythumbs.imaging.heif.byte_ranges import ByteRange, byte_ranges
from raythumbs.imaging.heif.codings import AV1
from raythumbs.imaging.heif.fields import Fields
from raythumbs.imaging.heif.meta import Meta
from raythumbs.imaging.mend.heif.patch import Patch

_NAMES = {b"Exif": "Exif", b"mime": "XMP"}
_NO_METADATA = b"skip"  # a kind of item that no decoder knows
_TIFF_HEADERS = (b"II*\0", b"MM\0*")
_TIFF_HEADER_BYTES = 8
_HEAD_BYTES = 1 << 16
_MOST_ITEMS = 64


def hidden_metadata(file: BinaryIO, meta: Meta, coding: bytes) -> tuple[list[Patch], list[str]]:
    """Return the patches that hide broken metadata, and a note for each kind of it."""
    described = [item for item, kind in meta.kinds.items() if kind in _NAMES][:_MOST_ITEMS]
    broken = [item for item in described if not _is_whole(file, meta, item, strictly=coding == AV1)]
    notes = dict.fromkeys(f"{_NAMES[meta.kinds[item]]} ignored: it is broken" for item in broken)
    return [Patch(place, _NO_METADATA) for item, place in _places_of_kinds(file, meta) if item in broken], list(notes)


def _is_whole(file: BinaryIO, meta: Meta, item: int, *, strictly: bool) -> bool:
    """Return whether an item's data lie in the file, and also, for libavif, whether Exif is where its offset says."""
    try:
        where = byte_ranges(meta, item, size_of(file))
    except BadPicture:
        return False
    if not strictly or meta.kinds[item] != b"Exif":
        return True
    data = _head(file, where)
    found = [at for header in _TIFF_HEADERS if (at := data.find(header, 4)) >= 0]
    offset = int.from_bytes(data[:4], "big") + 4
    return bool(found) and min(found) == offset <= len(data) - _TIFF_HEADER_BYTES


def _head(file: BinaryIO, where: list[ByteRange]) -> bytes:
    data = b""
    for start, end in where:
        file.seek(start)
        data += file.read(min(end - start, _HEAD_BYTES - len(data)))
    return data


def _places_of_kinds(file: BinaryIO, meta: Meta) -> Iterator[tuple[int, int]]:
    """Give each item's number and the place in the file of its kind (ISOBMFF, 8.11.6)."""
    table = meta.part(b"iinf")
    if table is None:
        return
    file.seek(table.content)
    version = file.read(1)
    for entry in boxes(file, table.content + (8 if version != b"\0" else 6), table.end):
        yield from _place_of_kind(file, entry)


def _place_of_kind(file: BinaryIO, entry: Box) -> Iterator[tuple[int, int]]:
    file.seek(entry.content)
    fields = Fields(file.read(8))
    version, _ = fields.version()
    size = {2: 2, 3: 4}.get(version)
    if size is not None:
        yield fields.number(size), entry.content + 4 + size + 2
