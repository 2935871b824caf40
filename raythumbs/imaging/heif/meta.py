"""Reads what the box `meta` says about the pictures of a HEIC or AVIF (ISOBMFF, 8.11; HEIF, 9.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from raythumbs.imaging.heif.boxes import Box, boxes, size_of
from raythumbs.imaging.heif.fields import Fields
from raythumbs.imaging.heif.item_tables import (
    Association,
    Location,
    read_associations,
    read_kinds,
    read_locations,
    read_primary,
    read_references,
)

_HEAD_BYTES = 256  # more than any property takes that is read here; a colour profile is not read


@dataclass(frozen=True, slots=True)
class Property:
    """A property of items: its kind, the place of its content in the file, and the first bytes of its content."""

    kind: bytes
    place: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Meta:
    """The boxes in `meta`, the primary item, and the kinds, places, references and properties of items by number.

    The properties of an item are in the order of its associations, which is the order of its transformations.
    """

    box: Box
    parts: Sequence[Box]
    primary: int
    kinds: Mapping[int, bytes]
    locations: Mapping[int, Location]
    references: Mapping[tuple[bytes, int], tuple[int, ...]]
    known: Sequence[Property]
    associations: Mapping[int, Sequence[Association]]

    def part(self, kind: bytes) -> Box | None:
        """Return the first box of a kind in `meta`."""
        return next((part for part in self.parts if part.kind == kind), None)

    def targets(self, kind: bytes, item: int) -> tuple[int, ...]:
        """Return the items that an item refers to by references of a kind."""
        return self.references.get((kind, item), ())

    def properties(self, item: int) -> list[Property]:
        """Return an item's properties."""
        indices = (association.index for association in self.associations.get(item, ()))
        return [self.known[index - 1] for index in indices if 0 < index <= len(self.known)]

    def first(self, item: int, kind: bytes) -> bytes | None:
        """Return the first bytes of an item's first property of a kind."""
        return next((held.head for held in self.properties(item) if held.kind == kind), None)


def read_meta(file: BinaryIO) -> Meta | None:
    """Return what the file's `meta` says, or None if there is none or it has no primary item.

    Raises struct.error if it is broken. `refuse_long_boxes` must have let the file pass.
    """
    box = next((box for box in boxes(file, 0, size_of(file)) if box.kind == b"meta"), None)
    if box is None:
        return None
    parts = tuple(boxes(file, box.content + 4, box.end))
    fields = {part.kind: _fields(file, part) for part in reversed(parts) if part.kind in _TABLES}
    if b"pitm" not in fields:
        return None
    known, associations = _properties(file, parts)
    return Meta(
        box=box,
        parts=parts,
        primary=read_primary(fields[b"pitm"]),
        kinds=read_kinds(fields[b"iinf"]) if b"iinf" in fields else {},
        locations=read_locations(fields[b"iloc"]) if b"iloc" in fields else {},
        references=read_references(fields[b"iref"]) if b"iref" in fields else {},
        known=known,
        associations=associations,
    )


_TABLES = {b"pitm", b"iinf", b"iloc", b"iref"}


def _properties(file: BinaryIO, parts: Sequence[Box]) -> tuple[list[Property], dict[int, list[Association]]]:
    """Return all properties, and each item's associations from all boxes `ipma`."""
    known: list[Property] = []
    associations: dict[int, list[Association]] = {}
    for part in (part for part in parts if part.kind == b"iprp"):
        for box in boxes(file, part.content, part.end):
            if box.kind == b"ipco":
                known += [
                    Property(held.kind, held.content, _head(file, held)) for held in boxes(file, box.content, box.end)
                ]
            elif box.kind == b"ipma":
                for item, associated in read_associations(_fields(file, box)):
                    associations.setdefault(item, []).extend(associated)
    return known, associations


def _fields(file: BinaryIO, box: Box) -> Fields:
    file.seek(box.content)
    return Fields(file.read(box.end - box.content))


def _head(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.content)
    return file.read(min(box.end - box.content, _HEAD_BYTES))
