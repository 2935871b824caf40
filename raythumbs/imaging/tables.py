"""Refuses a file with tables that are longer than any photo's, before a decoder reads them.

An entry of a table costs a decoder far more than it costs the file. Measured with Pillow 13.0 and libavif 1.4: 32 MB of
TIFF strips took 37 s and 3.2 GB, 5 million fractions 11 s, 60,000 items of an AVIF 2.2 s (the time grows with the
square of their number), and 2.5 million samples 390 MB from a table of 20 bytes. libheif has such limits itself.
"""

import struct
from collections import Counter
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO

from raythumbs.errors import TooLarge
from raythumbs.imaging.heif.boxes import all_boxes

_MOST_VALUES = 1 << 17  # of one entry; a photo of 200 megapixels in tiles of 64 x 64 has 49,000
_COLOUR_MAP, _MOST_COLOURS = 320, 3 << 16  # of a TIFF whose pixels are indices of 16 bits
_MOST_ENTRIES = 1 << 12
_MOST_SAMPLES = 1 << 16
_MOST_ITEM_BYTES = 1 << 16  # of a kind of tables; a photo of 500 megapixels in tiles of 512 x 512 takes 45,000
_MOST_BOXES = 1 << 12

_KEPT_AS_BYTES = {1, 2, 7}  # types of TIFF 6.0, section 2: bytes, text, undefined
_BIG_TIFF = 43  # the version; of other TIFFs it is 42
_SAMPLES = {b"stsz", b"stz2"}
_ITEMS = {b"iinf", b"iloc", b"iref", b"ipma"}


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a TIFF writes the place of its first directory, the number of its entries, and an entry."""

    place: Struct
    entries: Struct
    entry: Struct


_LAYOUTS = {
    (order, big): _Layout(Struct(order + place), Struct(order + entries), Struct(order + entry))
    for order in (b"<", b">")
    for big, place, entries, entry in ((False, b"4xI", b"H", b"HHII"), (True, b"8xQ", b"Q", b"HHQQ"))
}


def refuse_long_tables(file: BinaryIO) -> None:
    """Raise TooLarge for a TIFF, AVIF or HEIC with too many entries in its first directory or in its boxes."""
    head = file.read(16)
    try:
        if head[:2] in {b"II", b"MM"}:
            _refuse_values(file, head)
        elif head[4:8] == b"ftyp":
            refuse_long_boxes(file)
    except (
        struct.error,
        OverflowError,
    ):  # the file ends too soon, or an offset leads outside: the decoder will report that
        pass
    file.seek(0)


def _refuse_values(file: BinaryIO, head: bytes) -> None:
    layout = _LAYOUTS[b"<" if head[:2] == b"II" else b">", _BIG_TIFF in head[2:4]]
    file.seek(layout.place.unpack_from(head)[0])
    [entries] = layout.entries.unpack(file.read(layout.entries.size))
    if entries > _MOST_ENTRIES:
        raise TooLarge(f"the TIFF's directory has {entries} entries; at most {_MOST_ENTRIES} are read")
    for tag, kind, values, _ in layout.entry.iter_unpack(file.read(entries * layout.entry.size)):
        most = _MOST_COLOURS if tag == _COLOUR_MAP else _MOST_VALUES
        if kind not in _KEPT_AS_BYTES and values > most:
            raise TooLarge(f"the TIFF's tag {tag} has {values} values; at most {most} are read")


def refuse_long_boxes(file: BinaryIO) -> None:
    """Raise TooLarge for an AVIF or HEIC with too many boxes, or with too many entries in one of them."""
    taken: Counter[bytes] = Counter()
    for count, box in enumerate(all_boxes(file)):
        size = taken[box.kind] = taken[box.kind] + box.end - box.content
        if count > _MOST_BOXES:
            raise TooLarge(f"the file has more than {_MOST_BOXES} boxes")
        if box.kind in _ITEMS and size > _MOST_ITEM_BYTES:
            raise TooLarge(f"a table of the photo's parts takes {size} bytes; at most {_MOST_ITEM_BYTES} are read")
        if box.kind in _SAMPLES:
            samples = int.from_bytes(file.read(12)[8:], "big")
            if samples > _MOST_SAMPLES:
                raise TooLarge(f"the animation has {samples} frames; at most {_MOST_SAMPLES} are read")
