"""Decodes a phone's HEIC at a smaller size: tile by tile, each made small before its colours are converted.

pillow-heif decodes all tiles, converts 12 megapixels to RGB, and copies them. Here no more than one tile is in memory
at its full size, and the decoder leaves out the filters that smooth what only a larger picture shows.
"""

import struct
from typing import BinaryIO

from PIL import Image, ImageFile

from raythumbs.errors import BadPicture
from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.heif.libde265 import Planes, decoded_planes, library
from raythumbs.imaging.heif.meta import read_meta
from raythumbs.imaging.heif.mosaic import Mosaic, mosaic
from raythumbs.imaging.heif.rgb import is_known, to_rgb
from raythumbs.imaging.orientation import sideways, upright
from raythumbs.imaging.plan import Needs

# By which sides may become smaller (chroma has half the size already), and how many times the size that a spec's gap
# asks for must be left. So thumbnails with the default gap are 50 dB or more from Lanczos alone. With just that size
# they would be 47.4, 49.8 and 49.4 dB from it: the mean of a block is a poor filter, and more is left to Lanczos now.
_FACTORS = {8: 1.5, 4: 1.25, 2: 1.15}
_BITS, _CHROMA = 8, 420  # of pillow-heif's description


def decode_tiles(picture: ImageFile.ImageFile, file: BinaryIO, needs: Needs) -> Decoded | None:
    """Return the pixels of a HEIC at a smaller size, or None if pillow-heif is to decode it.

    That is so for a picture that is nearly as small as its thumbnails, for kinds that phones' cameras do not write, for
    one whose data the decoder complains about, and without libde265.
    """
    info = picture.info
    if picture.format != "HEIF" or picture.mode != "RGB" or library() is None:
        return None
    if info.get("bit_depth") != _BITS or info.get("chroma") != _CHROMA:
        return None
    try:
        meta = read_meta(file)
        tiles = mosaic(file, meta) if meta is not None else None
        if tiles is None or sideways(tiles.size, tiles.turn) != picture.size:
            return None
        factor = _factor(tiles, needs)
        small = _small(tiles, file, factor) if factor is not None else None
    except (BadPicture, struct.error, ValueError):
        return None
    if small is None or factor is None:
        return None
    covered = (picture.width / factor, picture.height / factor)
    return Decoded(upright(small, tiles.turn), picture.size, covered)


def _factor(tiles: Mosaic, needs: Needs) -> int | None:
    """Return by how much the sides may become smaller; None if not at all.

    A tile becomes whole pixels. A pixel that the picture covers in part must be at the right or at the bottom.
    """
    least = sideways(needs.least_size(1), tiles.turn)
    for factor, spare in _FACTORS.items():
        large_enough = all(side >= factor * spare * needed for side, needed in zip(tiles.size, least, strict=True))
        whole_tiles = len(tiles.items) == 1 or not any(side % factor for side in tiles.tile)
        whole_picture = tiles.turn == 1 or not any(side % factor for side in tiles.size)
        if large_enough and whole_tiles and whole_picture:
            return factor
    return None


def _small(tiles: Mosaic, file: BinaryIO, factor: int) -> Image.Image | None:
    """Return the picture as it is coded, with smaller sides; None if the decoder complains."""
    width, height = (-(-side // factor) for side in tiles.size)
    canvases = tuple(Image.new("L", (width, height)) for _ in range(3))
    colours: tuple[int, bool] | None = None
    for number, item in enumerate(tiles.items):
        row, column = divmod(number, tiles.columns)
        left, top = column * tiles.tile[0], row * tiles.tile[1]
        with decoded_planes(tiles.units(file, item)) as planes:
            if planes is None or planes.y.size != tiles.tile:
                return None
            said = (planes.matrix, planes.full_range)
            if colours not in {None, said}:
                return None
            colours = said
            shown = min(tiles.tile[0], tiles.size[0] - left), min(tiles.tile[1], tiles.size[1] - top)
            _paste(canvases, planes, shown, place=(left // factor, top // factor), factor=factor)
    if tiles.colours is not None:
        colours = tiles.colours.matrix, tiles.colours.full_range
    if colours is None or not is_known(colours[0]):
        return None
    y, cb, cr = canvases
    return to_rgb((y, cb, cr), colours[0], full_range=colours[1])


def _paste(
    canvases: tuple[Image.Image, ...], planes: Planes, shown: tuple[int, int], *, place: tuple[int, int], factor: int
) -> None:
    """Put the shown part of a tile, made small, into the picture. A pixel becomes the mean of those it covers."""
    half = ((shown[0] + 1) // 2, (shown[1] + 1) // 2)
    canvases[0].paste(planes.y.reduce(factor, (0, 0, *shown)), place)
    for canvas, plane in zip(canvases[1:], (planes.cb, planes.cr), strict=True):
        canvas.paste(plane.reduce(factor // 2, (0, 0, *half)), place)
