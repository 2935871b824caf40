"""Builds HEIC and AVIF files out of items, so that a test may combine what encoders do not."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO

from PIL import Image

from raythumbs.imaging.heif.boxes import size_of
from raythumbs.imaging.heif.byte_ranges import byte_ranges
from raythumbs.imaging.heif.meta import read_meta
from tests.imaging.pictures import saved

ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"
_TRANSFORMATIONS = {b"clap", b"irot", b"imir"}
_CONFIGURATIONS = {b"hvcC", b"av1C"}


@dataclass(frozen=True)
class Item:
    """An item: its kind, its data, its properties in order, and the numbers of the items that it refers to."""

    kind: bytes
    data: bytes = b""
    properties: Sequence[tuple[bytes, bytes]] = ()
    references: Mapping[bytes, Sequence[int]] = field(default_factory=dict)

    def has(self, *properties: tuple[bytes, bytes], **references: int | Sequence[int]) -> "Item":
        """The item with more properties and references."""
        more = {kind.encode(): [to] if isinstance(to, int) else to for kind, to in references.items()}
        return replace(self, properties=(*self.properties, *properties), references={**self.references, **more})


def box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", len(content) + 8, kind) + content


def full_box(kind: bytes, *contents: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def ispe(width: int, height: int) -> tuple[bytes, bytes]:
    return b"ispe", struct.pack(">III", 0, width, height)


def irot(quarters: int) -> tuple[bytes, bytes]:
    """Turns the picture by so many quarters, counterclockwise."""
    return b"irot", bytes([quarters])


def imir(axis: int) -> tuple[bytes, bytes]:
    """Mirrors the picture: 0 swaps top and bottom, 1 swaps left and right."""
    return b"imir", bytes([axis])


def clap(left: int, top: int, right: int, bottom: int, *, size: tuple[int, int]) -> tuple[bytes, bytes]:
    """Cuts this box out of a picture of this size (ISOBMFF, 12.1.4.1: the offsets are those of the centres)."""
    across, down = (left + right - size[0], 2), (top + bottom - size[1], 2)
    return b"clap", struct.pack(">IIIIiIiI", right - left, 1, bottom - top, 1, *across, *down)


def aux(kind: bytes = ALPHA) -> tuple[bytes, bytes]:
    return b"auxC", bytes(4) + kind


def coded(picture: Image.Image, written_as: str, **options: object) -> Item:
    """The one coded item of a picture, without transformations."""
    return items_of(saved(picture, written_as, **options))[1]


def items_of(file: bytes) -> dict[int, Item]:
    """The coded and derived items of an encoder's file."""
    source = BytesIO(file)
    meta = read_meta(source)
    assert meta is not None
    return {
        item: Item(
            kind,
            b"".join(file[slice(*place)] for place in byte_ranges(meta, item, size_of(source))),
            [(held.kind, held.head) for held in meta.properties(item) if held.kind not in _TRANSFORMATIONS],
            {reference: targets for (reference, of), targets in meta.references.items() if of == item},
        )
        for item, kind in meta.kinds.items()
    }


def grid(rows: int, columns: int, size: tuple[int, int], tiles: Sequence[int]) -> Item:
    """A picture of tiles (HEIF, 6.6.2.3)."""
    return Item(b"grid", struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size), [ispe(*size)], {b"dimg": tiles})


def known_properties(items: Mapping[int, Item]) -> list[tuple[bytes, bytes]]:
    """All properties, each once: libheif reads at most 100."""
    return list(dict.fromkeys(held for item in items.values() for held in item.properties))


def associations(items: Mapping[int, Item], *, among: Mapping[int, Item] | None = None) -> bytes:
    """The box ipma of these items, which are among those of a file."""
    known, entries = known_properties(among or items), b""
    for number, item in items.items():
        essential = (held[0] in _TRANSFORMATIONS | _CONFIGURATIONS for held in item.properties)
        indices = (known.index(held) + 1 for held in item.properties)
        numbers = [index | flag << 15 for index, flag in zip(indices, essential, strict=True)]
        entries += struct.pack(f">HB{len(numbers)}H", number, len(numbers), *numbers)
    return full_box(b"ipma", struct.pack(">I", len(items)), entries, flags=1)


def heif(
    items: Mapping[int, Item],
    *,
    brands: Sequence[bytes],
    primary: int = 1,
    ipma: bytes | None = None,
    lengths: Mapping[int, int] | None = None,
) -> bytes:
    """A file of these items. Given boxes ipma and lengths of items replace the right ones."""
    ftyp = box(b"ftyp", brands[0], bytes(4), *brands)
    infes = [
        full_box(b"infe", struct.pack(">HH4s", item, 0, held.kind), b"\0", version=2) for item, held in items.items()
    ]
    references = [
        box(kind, struct.pack(f">HH{len(targets)}H", item, len(targets), *targets))
        for item, held in items.items()
        for kind, targets in held.references.items()
    ]
    properties = [box(kind, content) for kind, content in known_properties(items)]

    def meta(start: int) -> bytes:
        entries = b""
        for item, held in items.items():
            length = (lengths or {}).get(item, len(held.data))
            entries += struct.pack(">HHHII", item, 0, 1, start, length)
            start += len(held.data)
        return full_box(
            b"meta",
            full_box(b"hdlr", struct.pack(">I4s12x", 0, b"pict"), b"\0"),
            full_box(b"pitm", struct.pack(">H", primary)),
            full_box(b"iloc", b"\x44\0", struct.pack(">H", len(items)), entries),
            full_box(b"iinf", struct.pack(">H", len(items)), *infes),
            *([full_box(b"iref", *references)] if references else []),
            box(b"iprp", box(b"ipco", *properties), associations(items) if ipma is None else ipma),
        )

    head = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(head) + box(b"mdat", *(held.data for held in items.values()))


def heic(items: Mapping[int, Item], **options: object) -> bytes:
    return heif(items, brands=[b"heic", b"mif1"], **options)  # type: ignore[arg-type]


def avif(items: Mapping[int, Item], **options: object) -> bytes:
    return heif(items, brands=[b"avif", b"mif1", b"miaf"], **options)  # type: ignore[arg-type]
