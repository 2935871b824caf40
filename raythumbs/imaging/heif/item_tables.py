"""Reads the tables of the box `meta`: item numbers with their kinds, places, references and properties."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from raythumbs.imaging.heif.fields import Fields

_MOST_EXTENTS = 1 << 16  # of all items: an extent takes no byte of the table if its numbers take none


@dataclass(frozen=True, slots=True)
class Extent:
    """A piece of an item's data: the number of the item that holds it, among those that do; its offset and length."""

    holder: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where an item's data lies (ISOBMFF, 8.11.3): how it is found, and its pieces."""

    method: int
    in_this_file: bool
    extents: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Association:
    """The number of a property, which begins at 1, and whether a reader must understand it."""

    index: int
    essential: bool


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
        left -= (extent_count := fields.number(2))
        if left < 0:
            raise struct.error("the items' data lies in too many pieces")
        extents = tuple(
            Extent(fields.number(index if version else 0) or 1, start + fields.number(offset), fields.number(length))
            for _ in range(extent_count)
        )
        locations[number] = Location(method, in_this_file, extents)
    return locations


def read_references(fields: Fields) -> dict[tuple[bytes, int], tuple[int, ...]]:
    """Return the items that an item refers to, by the kind of reference and the item's number (8.11.12)."""
    version, _ = fields.version()
    size = 4 if version else 2
    found: dict[tuple[bytes, int], tuple[int, ...]] = {}
    for kind, content in _boxes(fields):
        reference = Fields(content)
        source, count = reference.number(size), reference.number(2)
        targets = tuple(reference.number(size) for _ in range(count))
        found[kind, source] = found.get((kind, source), ()) + targets
    return found


def read_associations(fields: Fields) -> Iterator[tuple[int, list[Association]]]:
    """Give an item's number and its properties (HEIF, 9.3.2)."""
    version, flags = fields.version()
    size, essential = (2, 0x8000) if flags & 1 else (1, 0x80)
    for _ in range(fields.number(4)):
        number = fields.number(4 if version else 2)
        values = [fields.number(size) for _ in range(fields.number(1))]
        yield number, [Association(value % essential, essential=value >= essential) for value in values]


def _boxes(fields: Fields, most: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Give the kind and the content of the boxes that follow."""
    given = 0
    while fields and given != most:
        size, kind = fields.number(4), fields.bytes(4)
        yield kind, fields.bytes(max(0, size - 8))
        given += 1
