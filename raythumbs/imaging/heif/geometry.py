"""What the properties of a picture do with its decoded pixels: they cut, turn and mirror it."""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace

from raythumbs.imaging.heif.meta import Meta, Property
from raythumbs.imaging.orientation import lying, sideways

# Of each Exif orientation: which corner of the stored pixels is shown at the left top, and then clockwise.
_CORNERS: dict[int, tuple[int, ...]] = {
    1: (0, 1, 2, 3),
    2: (1, 0, 3, 2),
    3: (2, 3, 0, 1),
    4: (3, 2, 1, 0),
    5: (0, 3, 2, 1),
    6: (3, 0, 1, 2),
    7: (2, 1, 0, 3),
    8: (1, 2, 3, 0),
}
_TURNS = {corners: turn for turn, corners in _CORNERS.items()}
_FULL_TURN = 4  # in quarters


@dataclass(frozen=True, slots=True)
class Geometry:
    """The part of the decoded pixels that is shown, and the orientation in which they lie (as in Exif)."""

    left: int
    top: int
    right: int
    bottom: int
    turn: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """The size of the part."""
        return self.right - self.left, self.bottom - self.top


def coded_size(meta: Meta, item: int) -> tuple[int, int] | None:
    """Return the size of an item's pixels before it is cut and turned (HEIF, 6.5.3)."""
    size = meta.first(item, b"ispe")
    return struct.unpack_from(">II", size, 4) if size and len(size) >= 12 else None  # noqa: PLR2004 the box's length


def geometry(size: tuple[int, int], properties: Iterable[Property]) -> Geometry:
    """Return what an item's properties do with its pixels, in the order of the properties (HEIF, 6.3).

    A property that is broken, or that would leave no pixels, does nothing.
    """
    shown = Geometry(0, 0, *size)
    for held in properties:
        match held.kind:
            case b"clap":
                shown = _cut(shown, held.head)
            case b"irot":  # HEIF, 6.5.10: quarters, counterclockwise
                quarters = held.head[0] % _FULL_TURN if held.head else 0
                corners = _CORNERS[shown.turn]
                shown = replace(shown, turn=_TURNS[corners[quarters:] + corners[:quarters]])
            case b"imir":  # HEIF, 6.5.12: 0 swaps top and bottom, 1 swaps left and right
                left_top, right_top, right_bottom, left_bottom = _CORNERS[shown.turn]
                across = (right_top, left_top, left_bottom, right_bottom)
                down = (left_bottom, right_bottom, right_top, left_top)
                shown = replace(shown, turn=_TURNS[across if held.head[:1] == b"\1" else down])
    return shown


def clean_aperture(size: tuple[int, int], clap: bytes) -> tuple[int, int, int, int] | None:
    """Return the box that a property `clap` cuts out of a picture of this size (ISOBMFF, 12.1.4); None if it is broken.

    The box is placed by the distance of its centre from the picture's. It may lead outside.
    """
    try:
        numbers = struct.unpack_from(">IIIIiIiI", clap)
        width, height, across, down = (over / under for over, under in zip(numbers[::2], numbers[1::2], strict=True))
    except (struct.error, ZeroDivisionError):
        return None
    left, top = (size[0] - width) / 2 + across, (size[1] - height) / 2 + down
    box = tuple(math.floor(at + 0.5) for at in (left, top, left + width, top + height))
    return (box[0], box[1], box[2], box[3])


def within(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return the part of a box that lies within a picture of this size; None if there is none."""
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _cut(shown: Geometry, clap: bytes) -> Geometry:
    size = sideways(shown.size, shown.turn)
    box = clean_aperture(size, clap)
    inside = within(box, size) if box is not None else None
    if inside is None:
        return shown
    left, top, right, bottom = lying(inside, size, shown.turn)
    return Geometry(
        int(shown.left + left), int(shown.top + top), int(shown.left + right), int(shown.top + bottom), shown.turn
    )
