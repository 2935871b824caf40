"""Reads the tables of the box `meta`: item numbers with their kinds, places, references and properties."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from raythumbs.imaging.heif.fields import Fields

_MOST_EXTENTS = 1 << 16  # of all items: an extent takes no byte of the table if its numbers take none


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference of a kind from one item to others (ISOBMFF, 8.11.12)."""

    kind: bytes
    source: int
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Location:
    """Where an item's data lies (ISOBMFF, 8.11.3): how it is found, and the offset and length of each extent.

    A length of 0 means: to the end of what holds the data.
    """

    method: int
    in_this_file: bool
    extents: tuple[tuple[int, int], ...]


def read_primary(fields: Fields) -> int:
    """Return the number of the primary item (8.11.4)."""
    version, _ = fields.version()
    return fields.number(4 if version else 2)


def read_kinds(fields: Fields) -> dict[int, bytes]:
    """Return the kinds of the items (8.11.6)."""
    version, _ = fields.version()
    count = fields.number(4 if version else 2)
    return dict(_kind(Fields(content)) for kind, content in _boxes(fields, count) if kind == b"infe")


def _kind(fields: Fields) -> tuple[int, bytes]:
    version, _ = fields.version()
    if version < 2:  # noqa: PLR2004 such an entry has no kind
        return fields.number(2), b""
    number = fields.number(2 if version == 2 else 4)  # noqa: PLR2004
    fields.bytes(2)
    return number, fields.bytes(4)


def read_locations(fields: Fields) -> dict[int, Location]:
    """Return the places of the items' data."""
    version, _ = fields.version()
    sizes = fields.number(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = version == 2  # noqa: PLR2004
    count = fields.number(4 if wide else 2)
    locations, left = {}, _MOST_EXTENTS
    for _ in range(count):
        number = fields.number(4 if wide else 2)
        method = fields.number(2) & 15 if version else 0
        in_this_file = fields.number(2) == 0
        start = fields.number(base)
        extents = []
        left -= (extent_count := fields.number(2))
        if left < 0:
            raise struct.error("the items' data lies in too many pieces")
        for _ in range(extent_count):
            fields.bytes(index if version else 0)
            extents.append((start + fields.number(offset), fields.number(length)))
        locations[number] = Location(method, in_this_file, tuple(extents))
    return locations


def read_references(fields: Fields) -> tuple[Reference, ...]:
    """Return the references."""
    version, _ = fields.version()
    size = 4 if version else 2
    return tuple(_reference(kind, Fields(content), size) for kind, content in _boxes(fields))


def _reference(kind: bytes, fields: Fields, size: int) -> Reference:
    source, count = fields.number(size), fields.number(2)
    return Reference(kind, source, tuple(fields.number(size) for _ in range(count)))


def read_associations(fields: Fields) -> Iterator[tuple[int, list[int]]]:
    """Give an item's number and the numbers of its properties, which begin at 1 (HEIF, 9.3.2)."""
    version, flags = fields.version()
    size, mask = (2, 0x7FFF) if flags & 1 else (1, 0x7F)
    for _ in range(fields.number(4)):
        number = fields.number(4 if version else 2)
        yield number, [fields.number(size) & mask for _ in range(fields.number(1))]


def _boxes(fields: Fields, most: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Give the kind and the content of the boxes that follow."""
    given = 0
    while fields and given != most:
        size, kind = fields.number(4), fields.bytes(4)
        yield kind, fields.bytes(max(0, size - 8))
        given += 1
