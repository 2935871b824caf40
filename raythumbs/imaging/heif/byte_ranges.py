"""Where in the file an item's data lies (ISOBMFF, 8.11.3)."""

from collections.abc import Sequence

from raythumbs.errors import Corrupt, Truncated, UnsupportedFormat
from raythumbs.imaging.heif.item_tables import Extent
from raythumbs.imaging.heif.meta import Meta

ByteRange = tuple[int, int]  # from the first byte to the one behind the last

_IN_IDAT, _IN_ITEM = 1, 2  # construction methods; 0: in the file
_MOST_STEPS = 8  # from an item to another one that holds its data


def byte_ranges(meta: Meta, item: int, file_size: int, steps: int = _MOST_STEPS) -> list[ByteRange]:
    """Return the ranges of bytes of an item's data, in order.

    Raises Truncated if some of it lies behind the end of the file, and UnsupportedFormat if it lies in another file.
    """
    location = meta.locations.get(item)
    if location is None:
        return []
    if not location.in_this_file:
        raise UnsupportedFormat("a HEIF file whose picture lies in another file")
    found: list[ByteRange] = []
    for extent in location.extents:
        found += _part(_holder(meta, item, extent, file_size=file_size, steps=steps), extent)
    return found


def _holder(meta: Meta, item: int, extent: Extent, *, file_size: int, steps: int) -> Sequence[ByteRange]:
    """Return the ranges of what holds an extent: the file, the box `idat` or another item."""
    method = meta.locations[item].method
    if method == _IN_IDAT:
        return [(box.content, box.end) for box in meta.parts if box.kind == b"idat"][:1]
    if method != _IN_ITEM:
        return [(0, file_size)]
    holders = meta.targets(b"iloc", item)
    if extent.holder > len(holders) or not steps:
        raise Corrupt("the tables of the photo's parts lead nowhere")
    return byte_ranges(meta, holders[extent.holder - 1], file_size, steps - 1)


def _part(holder: Sequence[ByteRange], extent: Extent) -> list[ByteRange]:
    """Return the ranges of an extent within the ranges of what holds it.

    A length of 0 should mean all of it, but libheif and libavif find no data there.
    """
    size = sum(end - start for start, end in holder)
    last = extent.offset + extent.length
    if last > size:
        raise Truncated(f"the picture's data goes on to byte {last}, but only {size} are there")
    found, at = [], 0
    for start, end in holder:
        first, behind = max(extent.offset - at, 0), min(last - at, end - start)
        if first < behind:
            found.append((start + first, start + behind))
        at += end - start
    return found
