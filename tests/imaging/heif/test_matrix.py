"""Every kind of HEIC and AVIF shows its picture: depth, chroma, alpha, tiles and transformations in all combinations.

The right picture is the one that was encoded, transformed by Pillow. AVIF is also held against libvips, which reads it
with libheif; its wheel does not read HEIC.
"""

from collections.abc import Mapping
from functools import cache
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
import pyvips
from PIL import Image, ImageChops

from tests.imaging.heif.files import Item, aux, avif, clap, grid, heic, imir, irot, items_of
from tests.imaging.pictures import four_corners, thumbnail

SIDE, TILE = 128, 64
SIZE = (SIDE, SIDE)
MASK = 2  # the item of the alpha, which is turned like its picture
TILES = [(left, top, left + TILE, top + TILE) for top in (0, TILE) for left in (0, TILE)]
CROP = (16, 8, 112, 72)
FLIP = Image.Transpose

TRANSFORMATIONS = {
    "as it is": ([], lambda picture: picture),
    "irot": ([irot(1)], lambda picture: picture.transpose(FLIP.ROTATE_90)),
    "imir": ([imir(0)], lambda picture: picture.transpose(FLIP.FLIP_TOP_BOTTOM)),
    "clap": ([clap(*CROP, size=SIZE)], lambda picture: picture.crop(CROP)),
    "clap, irot, imir": (
        [clap(*CROP, size=SIZE), irot(3), imir(1)],
        lambda picture: picture.crop(CROP).transpose(FLIP.ROTATE_270).transpose(FLIP.FLIP_LEFT_RIGHT),
    ),
    "imir, irot": (
        [imir(1), irot(1)],
        lambda picture: picture.transpose(FLIP.FLIP_LEFT_RIGHT).transpose(FLIP.ROTATE_90),
    ),
    "irot, clap": ([irot(1), clap(*CROP, size=SIZE)], lambda picture: picture.transpose(FLIP.ROTATE_90).crop(CROP)),
}


def picture(*, grey: bool) -> Image.Image:
    rgb = four_corners(*SIZE)
    drawn = (rgb.convert("L").convert("RGB") if grey else rgb).convert("RGBA")
    drawn.putalpha(Image.linear_gradient("L").resize(SIZE).point(lambda sample: 64 + sample // 2))
    return drawn


def premultiplied(drawn: Image.Image) -> Image.Image:
    alpha = drawn.getchannel("A")
    colour = ImageChops.multiply(drawn.convert("RGB"), Image.merge("RGB", [alpha] * 3))
    return Image.merge("RGBA", [*colour.split(), alpha])


@cache
def encoded(kind: str, depth: int, chroma: int, *, prem: bool, box: tuple[int, int, int, int]) -> tuple[Item, Item]:
    """The items of the pixels and of the alpha of a part of the picture."""
    drawn = picture(grey=chroma == 400)
    part = (premultiplied(drawn) if prem else drawn).crop(box)
    return _hevc(part, depth, chroma) if kind == "HEIC" else _av1(part, depth, chroma)


def _samples(part: Image.Image, depth: int) -> np.ndarray:
    samples = np.asarray(part)
    return samples.astype(np.uint16) * 257 if depth > 8 else samples


def _hevc(part: Image.Image, depth: int, chroma: int) -> tuple[Item, Item]:
    part = part.convert("LA") if chroma == 400 else part
    file = BytesIO()
    mode = part.mode + (";16" if depth > 8 else "")
    options = {"bit_depth": depth, "enc_params": {"preset": "ultrafast"}, "quality": 90}
    options |= {} if chroma == 400 else {"chroma": chroma}
    pillow_heif.encode(mode, part.size, _samples(part, depth).tobytes(), file, **options)
    items = items_of(file.getvalue())
    return _bare(items[1]), _bare(items[2])


def _av1(part: Image.Image, depth: int, chroma: int) -> tuple[Item, Item]:
    """Encoders write alpha alone without chroma: grey pixels are encoded as the alpha of a picture."""
    if chroma == 400:
        grey = part.copy()
        grey.putalpha(part.convert("L"))
        return _av1(grey, depth, 420)[1], _av1(part, depth, 420)[1]
    samples = _samples(part, depth)
    kind, space = ("ushort", "rgb16") if depth > 8 else ("uchar", "srgb")
    image = pyvips.Image.new_from_memory(samples.tobytes(), *part.size, 4, kind).copy(interpretation=space)
    sampling = "on" if chroma == 420 else "off"
    file = image.heifsave_buffer(compression="av1", bitdepth=depth, subsample_mode=sampling, effort=0, Q=90)
    items = items_of(file)
    return _bare(items[1]), _bare(items[2])


def _bare(item: Item) -> Item:
    return Item(item.kind, item.data, [held for held in item.properties if held[0] != b"auxC"])


def items_for(kind: str, depth: int, chroma: int, *, alpha: str, tiled: bool) -> Mapping[int, Item]:
    """A picture of one item, or of four tiles; its alpha is made in the same way."""
    boxes = TILES if tiled else [(0, 0, *SIZE)]
    parts = [encoded(kind, depth, chroma, prem=alpha == "premultiplied", box=box) for box in boxes]
    if tiled:
        tiles, masks = dict(enumerate((part[0] for part in parts), 3)), dict(enumerate((part[1] for part in parts), 7))
        main = grid(2, 2, SIZE, list(tiles)).has(*_described(parts[0][0]))
        mask = grid(2, 2, SIZE, list(masks)).has(*_described(parts[0][1]))
    else:
        [(main, mask)], tiles, masks = parts, {}, {}
    if alpha == "none":
        return {1: main, **tiles}
    main = main.has(prem=MASK) if alpha == "premultiplied" else main
    return {1: main, MASK: mask.has(aux(), auxl=1), **tiles, **masks}


def _described(tile: Item) -> list[tuple[bytes, bytes]]:
    """The properties that a picture of tiles shares with its tiles."""
    return [held for held in tile.properties if held[0] in {b"colr", b"pixi"}]


def expected(*, grey: bool, alpha: str) -> Image.Image:
    drawn = picture(grey=grey)
    return drawn.convert("RGB").convert("RGBA") if alpha == "none" else drawn


def error(made: Image.Image, right: Image.Image) -> float:
    """The mean difference of samples, of 255."""
    assert made.size == right.size
    return float(np.abs(np.subtract(made.convert("RGBA"), right, dtype=float)).mean())


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("chroma", [400, 420, 444])
@pytest.mark.parametrize("alpha", ["none", "straight", "premultiplied"])
@pytest.mark.parametrize("tiled", [False, True], ids=["whole", "tiles"])
def test_every_kind_of_picture_is_shown(kind: str, depth: int, chroma: int, alpha: str, *, tiled: bool) -> None:
    items = items_for(kind, depth, chroma, alpha=alpha, tiled=tiled)
    right = expected(grey=chroma == 400, alpha=alpha)

    for name, (properties, transformed) in TRANSFORMATIONS.items():
        turned = {number: item.has(*properties) if number <= MASK else item for number, item in items.items()}
        file = (heic if kind == "HEIC" else avif)(turned)
        made = thumbnail(file, width=SIDE, height=SIDE)

        assert error(made, transformed(right)) < 4, name


@pytest.mark.parametrize("depth", [8, 12])
@pytest.mark.parametrize("alpha", ["none", "straight"])
@pytest.mark.parametrize("tiled", [False, True], ids=["whole", "tiles"])
def test_an_avif_looks_as_libvips_shows_it(depth: int, alpha: str, *, tiled: bool) -> None:
    items = items_for("AVIF", depth, 444, alpha=alpha, tiled=tiled)

    for name, (properties, _) in TRANSFORMATIONS.items():
        turned = {number: item.has(*properties) if number <= MASK else item for number, item in items.items()}
        file = avif(turned)
        made = thumbnail(file, width=SIDE, height=SIDE)

        # libvips gives 12 bits as 16, and premultiplied colours as they are.
        other = pyvips.Image.new_from_buffer(file, "")
        other = (other >> 8).cast("uchar") if other.format == "ushort" else other
        assert error(made, Image.fromarray(other.numpy()).convert("RGBA")) < 4, name
