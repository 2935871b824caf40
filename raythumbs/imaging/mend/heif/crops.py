"""Corrects a crop that leads outside of its picture: libheif refuses it, or announces a size that it does not show."""

import struct

from raythumbs.imaging.heif.geometry import clean_aperture, coded_size, geometry, within
from raythumbs.imaging.heif.meta import Meta
from raythumbs.imaging.heif.needed import needed_items
from raythumbs.imaging.mend.heif.patch import Patch
from raythumbs.imaging.orientation import sideways

CORRECTED = "crop corrected: it leads outside of the picture, or is broken"
_CLAP = ">IIIIiIiI"  # ISOBMFF, 12.1.4: width, height and the distances of the centres, as fractions


def corrected_crops(meta: Meta) -> tuple[list[Patch], list[str]]:
    """Return the patches that keep each crop within its picture, and a note if there are any."""
    patches = [patch for item in needed_items(meta) if (patch := _patch(meta, item)) is not None]
    by_place = {patch.place: patch for patch in patches}  # items may share a property
    return list(by_place.values()), [CORRECTED] if patches else []


def _patch(meta: Meta, item: int) -> Patch | None:
    """Return the patch of an item's first crop, if it needs one."""
    coded, properties = coded_size(meta, item), meta.properties(item)
    number = next((number for number, held in enumerate(properties) if held.kind == b"clap"), None)
    if coded is None or number is None or len(properties[number].head) < struct.calcsize(_CLAP):
        return None
    before = geometry(coded, properties[:number])
    size = sideways(before.size, before.turn)
    crop = clean_aperture(size, properties[number].head)
    inside = (within(crop, size) if crop else None) or (0, 0, *size)
    return Patch(properties[number].place, _clap(inside, size)) if inside != crop else None


def _clap(box: tuple[int, int, int, int], size: tuple[int, int]) -> bytes:
    left, top, right, bottom = box
    return struct.pack(_CLAP, right - left, 1, bottom - top, 1, left + right - size[0], 2, top + bottom - size[1], 2)
