"""What the container of a HEIC or AVIF says about its colours in the code points of ITU-T H.273."""

import struct
from typing import BinaryIO, NamedTuple

from raythumbs.imaging.heif.boxes import is_boxes
from raythumbs.imaging.heif.fields import Fields
from raythumbs.imaging.heif.meta import Meta, read_meta


class Cicp(NamedTuple):
    """Code points of ITU-T H.273: primaries, transfer characteristics, matrix coefficients; and the samples' range."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


def cicp(file: BinaryIO) -> Cicp | None:
    """Return the code points of the primary item of a HEIC or AVIF; None if there are none, or in any other file.

    Tiles of a grid may have them in place of the grid. The picture may have a colour profile besides, which counts
    more. The file's place changes.
    """
    try:
        meta = read_meta(file) if is_boxes(file) else None
        if meta is None:
            return None
        items = (meta.primary, *meta.targets(b"dimg", meta.primary))
        return next((found for item in items if (found := item_cicp(meta, item))), None)
    except struct.error:
        return None


def item_cicp(meta: Meta, item: int) -> Cicp | None:
    """Return the code points in an item's box `colr` of type nclx (ISOBMFF, 12.1.5). Raises struct.error."""
    for held in meta.properties(item):
        if held.kind == b"colr" and held.head.startswith(b"nclx"):
            fields = Fields(held.head[4:])
            return Cicp(fields.number(2), fields.number(2), fields.number(2), bool(fields.number(1) & 0x80))
    return None
