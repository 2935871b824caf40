"""Writes the tables of an AVIF anew where libavif does not read them as they are.

libavif refuses two boxes `ipma` of one version (HEIF, 9.3.1, forbids them), and has no items of kind `iden`. The new
box `meta` stands at the file's end and the old one is declared free, so that no data moves.
"""

import struct
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

from raythumbs.imaging.heif.boxes import Box, boxes, top_boxes
from raythumbs.imaging.heif.item_tables import Association
from raythumbs.imaging.heif.meta import Meta
from raythumbs.imaging.mend.heif.patch import Patch, patched
from raythumbs.imaging.mend.spliced import Piece

REPEATED = "the file has several tables of its picture's properties"
_MOST_ASSOCIATIONS = 255  # of one item


def has_repeated_tables(file: BinaryIO, meta: Meta) -> bool:
    """Return whether two boxes `ipma` have the same version and flags."""
    found: Counter[bytes] = Counter()
    for box in _within(file, meta.part(b"iprp")):
        if box.kind == b"ipma":
            file.seek(box.content)
            found[file.read(4)] += 1
    return any(count > 1 for count in found.values())


def with_tables(file: BinaryIO, meta: Meta) -> BinaryIO:
    """Return the file with this primary item, these references and these associations.

    The rest of its tables stay as they are. Bytes behind its last box are left out.
    """
    *_, last = top_boxes(file)
    pieces: list[Piece] = [(meta.box.content, meta.box.content + 4)]
    for part in meta.parts:
        match part.kind:
            case b"pitm":
                pieces += _box(b"pitm", struct.pack(">II", 1 << 24, meta.primary))
            case b"iref":
                pieces += _box(b"iref", _references(meta))
            case b"iprp":
                containers = [(box.start, box.end) for box in _within(file, part) if box.kind == b"ipco"]
                pieces += _box(b"iprp", *containers, *_box(b"ipma", _associations(meta)))
            case _:
                pieces.append((part.start, part.end))
    free = Patch(meta.box.start + 4, b"free")
    return patched(file, [free, _size_of(last)], upto=last.end, then=_box(b"meta", *pieces))


def _within(file: BinaryIO, box: Box | None) -> Sequence[Box]:
    return tuple(boxes(file, box.content, box.end)) if box is not None else ()


def _box(kind: bytes, *pieces: Piece) -> list[Piece]:
    size = sum(len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
    return [struct.pack(">I4s", size + 8, kind), *pieces]


def _size_of(box: Box) -> Patch:
    """Return the patch that gives the file's last box its true size: it may be cut, or may claim all that follows."""
    size = box.end - box.start
    if box.content - box.start > 8:  # noqa: PLR2004 a size of 64 bits follows the kind
        return Patch(box.start + 8, struct.pack(">Q", size))
    return Patch(box.start, struct.pack(">I", min(size, 0xFFFFFFFF)))


def _references(meta: Meta) -> bytes:
    """Return the content of a box `iref` of version 1, with numbers of items of 32 bits (ISOBMFF, 8.11.12)."""
    content = struct.pack(">I", 1 << 24)
    for (kind, source), targets in meta.references.items():
        size = 14 + 4 * len(targets)
        content += struct.pack(f">I4sIH{len(targets)}I", size, kind, source, len(targets), *targets)
    return content


def _associations(meta: Meta) -> bytes:
    """Return the content of a box `ipma` of version 1, with numbers of properties of 15 bits (HEIF, 9.3.2)."""
    content = struct.pack(">II", 1 << 24 | 1, len(meta.associations))
    for item, associated in sorted(meta.associations.items()):
        merged = _merged(associated)
        content += struct.pack(f">IB{len(merged)}H", item, len(merged), *merged)
    return content


def _merged(associated: Sequence[Association]) -> list[int]:
    """Return the numbers of an item's properties, each once, with the bit that says that it is essential."""
    essential = {association.index for association in associated if association.essential}
    indices = dict.fromkeys(association.index for association in associated)
    return [index | (index in essential) << 15 for index in indices][:_MOST_ASSOCIATIONS]
