"""A HEIC of the kind that phones write: one picture of HEVC or a grid of equal ones, with no alpha and no crop.

Phones' cameras write a grid of tiles of 512x512 pixels: 48 for 12 megapixels.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from raythumbs.imaging.cicp import Cicp, item_cicp
from raythumbs.imaging.heif.boxes import size_of
from raythumbs.imaging.heif.byte_ranges import byte_ranges
from raythumbs.imaging.heif.fields import Fields
from raythumbs.imaging.heif.geometry import coded_size, geometry
from raythumbs.imaging.heif.meta import Meta
from raythumbs.imaging.heif.needed import needed_items
from raythumbs.imaging.heif.sequence_set import ParameterSets, parameter_sets

_HEAD_BYTES = 256  # of a property that `meta` has read: a longer one may be cut
_LENGTH_SIZE = 21  # place in hvcC
_FORMAT = slice(16, 19)  # places in hvcC: the kind of chroma; the bits above 8 of Y; those of Cb and Cr
_FORMAT_BITS = (3, 7, 7)
_420_OF_8 = (1, 0, 0)
_THREE_OF_8 = bytes([3, 8, 8, 8])  # content of pixi (HEIF, 6.5.6)
_WIDE_FIELDS = 1  # a flag of a grid (HEIF, 6.6.2.3)
_LARGEST_BLOCK = 64
_STILL_SLICES = range(16, 22)  # H.265, table 7-1: of pictures without motion
_MESSAGES = {35, 39, 40}
_FIRST_OF_PICTURE = 0x80  # in the first byte behind the header of a slice
_HEADER_BYTES = 2
_TILE_PROPERTIES = {b"hvcC", b"ispe", b"colr", b"pixi"}
_PROPERTIES = _TILE_PROPERTIES | {b"irot", b"imir"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """The picture's size as it is coded, its orientation (as in Exif) and colours, and its tiles row by row."""

    size: tuple[int, int]
    turn: int
    colours: Cicp | None
    columns: int
    tile: tuple[int, int]
    sets: ParameterSets
    items: tuple[int, ...]
    meta: Meta

    def units(self, file: BinaryIO, item: int) -> list[bytes]:
        """Return a tile's parameters and units of coded data. Raises struct.error for data of a rare kind."""
        configuration = self.meta.first(item, b"hvcC") or b""
        pieces = []
        for start, end in byte_ranges(self.meta, item, size_of(file)):
            file.seek(start)
            pieces.append(file.read(end - start))
        slices = list(_units(b"".join(pieces), (configuration[_LENGTH_SIZE] & 3) + 1))
        _check_one_still_picture(slices)
        return [*self.sets.units, *slices]


def mosaic(file: BinaryIO, meta: Meta) -> Mosaic:
    """Return the tiles of the file's picture. Raises struct.error if it is of another kind."""
    grid = meta.kinds.get(meta.primary) == b"grid"
    items = meta.targets(b"dimg", meta.primary) if grid else (meta.primary,)
    size, tile = coded_size(meta, meta.primary), coded_size(meta, items[0]) if items else None
    if size is None or tile is None or min(*size, *tile) < 1:
        raise struct.error("a HEIC without sizes")
    columns = _columns(file, meta, size=size, tile=tile, tiles=len(items)) if grid else 1
    _require(set(needed_items(meta)) == {meta.primary, *items})
    _require(_are_known(meta, meta.primary, _PROPERTIES))
    return Mosaic(
        size=size,
        turn=geometry(size, meta.properties(meta.primary)).turn,
        colours=_colours(meta, items),
        columns=columns,
        tile=tile,
        sets=_common_sets(meta, items, tile, known=_TILE_PROPERTIES if grid else _PROPERTIES),
        items=items,
        meta=meta,
    )


def _columns(file: BinaryIO, meta: Meta, *, size: tuple[int, int], tile: tuple[int, int], tiles: int) -> int:
    """Return how many tiles a row of the grid has."""
    [(start, end)] = byte_ranges(meta, meta.primary, size_of(file))
    file.seek(start)
    fields = Fields(file.read(min(end - start, 12)))
    version, flags, rows, columns = (fields.number(1) for _ in range(4))
    width, height = (fields.number(4 if flags & _WIDE_FIELDS else 2) for _ in range(2))
    rows, columns = rows + 1, columns + 1
    _require(version == 0 and (width, height) == size and rows * columns == tiles)
    covered = tile[0] * columns, tile[1] * rows
    _require(all(least <= has < least + one for least, has, one in zip(size, covered, tile, strict=True)))
    return columns


def _colours(meta: Meta, items: tuple[int, ...]) -> Cicp | None:
    """Return the code points of the picture or of its tiles. If they differ, libheif decides which ones count."""
    of_tiles = {item_cicp(meta, item) for item in items}
    of_picture = item_cicp(meta, meta.primary)
    said = (of_tiles | {of_picture}) - {None}
    _require(len(of_tiles) == 1 and len(said) <= 1)
    return said.pop() if said else None


def _common_sets(meta: Meta, items: tuple[int, ...], tile: tuple[int, int], *, known: set[bytes]) -> ParameterSets:
    """Return the parameters that all tiles have. A tile that differs from the others is for the usual decoder."""
    configuration = meta.first(items[0], b"hvcC") or b""
    for item in items:
        _require(meta.kinds.get(item) == b"hvc1" and _are_known(meta, item, known))
        _require(coded_size(meta, item) == tile and meta.first(item, b"hvcC") == configuration)
    _require(_LENGTH_SIZE < len(configuration) < _HEAD_BYTES)
    _require(tuple(field & bits for field, bits in zip(configuration[_FORMAT], _FORMAT_BITS, strict=True)) == _420_OF_8)
    sets = parameter_sets(configuration)
    _require(all(0 <= has - side < _LARGEST_BLOCK for has, side in zip(sets.size, tile, strict=True)))
    return sets


def _are_known(meta: Meta, item: int, known: set[bytes]) -> bool:
    """Return whether an item has no other properties than these, each once, but for code points beside a profile."""
    kinds = [held.kind + (held.head[:4] if held.kind == b"colr" else b"") for held in meta.properties(item)]
    samples = meta.first(item, b"pixi")
    return (
        all(0 < association.index <= len(meta.known) for association in meta.associations.get(item, ()))
        and all(kind[:4] in known for kind in kinds)
        and len(set(kinds)) == len(kinds)
        and (samples is None or samples[4:] == _THREE_OF_8)
    )


def _units(data: bytes, size_bytes: int) -> Iterator[bytes]:
    fields = Fields(data)
    while fields:
        yield fields.bytes(fields.number(size_bytes))


def _check_one_still_picture(units: list[bytes]) -> None:
    _require(all(len(unit) > _HEADER_BYTES for unit in units))
    slices = [unit for unit in units if unit[0] >> 1 & 63 not in _MESSAGES]
    _require(all(unit[0] >> 1 & 63 in _STILL_SLICES for unit in slices))
    first = [bool(unit[_HEADER_BYTES] & _FIRST_OF_PICTURE) for unit in slices]
    _require(first[:1] == [True] and not any(first[1:]))


def _require(holds: bool) -> None:  # noqa: FBT001 what holds is said where it is required
    if not holds:
        raise struct.error("a HEIC of a rare kind")
