"""Reads what the box `meta` says about the pictures of a HEIC or AVIF (ISOBMFF, 8.11; HEIF, 9.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from raythumbs.imaging.heif.boxes import Box, boxes, size_of
from raythumbs.imaging.heif.fields import Fields
from raythumbs.imaging.heif.item_tables import (
    Location,
    Reference,
    read_associations,
    read_kinds,
    read_locations,
    read_primary,
    read_references,
)

_HEAD_BYTES = 256  # more than any property takes that is read here; a colour profile is not read


@dataclass(frozen=True, slots=True)
class Property:
    """A property of items: its kind and the first bytes of its content."""

    kind: bytes
    head: bytes


@dataclass(frozen=True, slots=True)
class Meta:
    """The boxes in `meta`, the primary item, and the kinds, places, references and properties of items by number."""

    box: Box
    parts: Sequence[Box]
    primary: int
    kinds: Mapping[int, bytes]
    locations: Mapping[int, Location]
    references: Sequence[Reference]
    properties: Mapping[int, Sequence[Property]]

    def targets(self, kind: bytes, source: int) -> tuple[int, ...]:
        """Return the items that an item refers to by references of a kind."""
        return tuple(
            target
            for reference in self.references
            if (reference.kind, reference.source) == (kind, source)
            for target in reference.targets
        )

    def first(self, item: int, kind: bytes) -> bytes | None:
        """Return the first bytes of an item's first property of a kind."""
        return next((held.head for held in self.properties.get(item, ()) if held.kind == kind), None)

    def part(self, kind: bytes) -> Box | None:
        """Return the first box of a kind in `meta`."""
        return next((part for part in self.parts if part.kind == kind), None)


def read_meta(file: BinaryIO) -> Meta | None:
    """Return what the file's `meta` says, or None if there is none or no picture in it.

    Raises struct.error if it is broken. Its tables are not longer than `refuse_long_boxes` lets pass.
    """
    size = size_of(file)
    box = next((box for box in boxes(file, 0, size) if box.kind == b"meta"), None)
    if box is None:
        return None
    parts = tuple(boxes(file, box.content + 4, box.end))
    tables = {part.kind: part for part in reversed(parts)}  # of several of a kind, the first
    if b"pitm" not in tables:
        return None
    within = tuple(boxes(file, tables[b"iprp"].content, tables[b"iprp"].end)) if b"iprp" in tables else ()
    return Meta(
        box=box,
        parts=parts,
        primary=read_primary(_fields(file, tables[b"pitm"])),
        kinds=read_kinds(_fields(file, tables[b"iinf"])) if b"iinf" in tables else {},
        locations=read_locations(_fields(file, tables[b"iloc"])) if b"iloc" in tables else {},
        references=read_references(_fields(file, tables[b"iref"])) if b"iref" in tables else (),
        properties=_properties(file, within),
    )


def _properties(file: BinaryIO, within: Sequence[Box]) -> dict[int, tuple[Property, ...]]:
    """Return each item's properties in the order of their associations: it is the order of transformations."""
    known = [
        Property(box.kind, _head(file, box))
        for container in within
        if container.kind == b"ipco"
        for box in boxes(file, container.content, container.end)
    ]
    indices: dict[int, list[int]] = {}
    for container in within:
        if container.kind == b"ipma":
            for item, associated in read_associations(_fields(file, container)):
                indices.setdefault(item, []).extend(associated)
    return {item: tuple(known[at - 1] for at in ats if 0 < at <= len(known)) for item, ats in indices.items()}


def _fields(file: BinaryIO, box: Box) -> Fields:
    file.seek(box.content)
    return Fields(file.read(box.end - box.content))


def _head(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.content)
    return file.read(min(box.end - box.content, _HEAD_BYTES))
