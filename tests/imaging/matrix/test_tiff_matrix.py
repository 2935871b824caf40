"""Every kind of TIFF is shown as it was drawn, or refused as a format that is not read; none is shown wrongly.

The files are written sample by sample. tifffile, a decoder of its own, reads each file first: it finds the samples that
were drawn, or the file is no good as a test.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from itertools import product
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from raythumbs.errors import UnsupportedFormat
from raythumbs.imaging import Format, Limits, RenditionSpec, render
from tests.imaging.matrix.tiff_file import CODES, DIFFERENCES, FLOAT_DIFFERENCES, PLAIN, Tiff, described
from tests.imaging.pictures import near

WAYS = 2  # of each kind
WIDTH, HEIGHT = 45, 35  # neither fills whole bytes of narrow samples, nor tiles, nor strips
SPEC = RenditionSpec(width=WIDTH, height=WIDTH, format=Format.PNG)
TURN = Image.Transpose
TURNS = {2: TURN.FLIP_LEFT_RIGHT, 3: TURN.ROTATE_180, 4: TURN.FLIP_TOP_BOTTOM, 5: TURN.TRANSPOSE}
TURNS |= {6: TURN.ROTATE_270, 7: TURN.TRANSVERSE, 8: TURN.ROTATE_90}
NONE, PREMULTIPLIED, STRAIGHT, UNEXPLAINED = (), (1,), (2,), (0,)
ALPHAS = (NONE, PREMULTIPLIED, STRAIGHT, UNEXPLAINED)
CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 8: 3, 9: 3}
PAPER = {5: (0, 0, 0, 0), 8: (1, 128 / 255, 128 / 255), 9: (1, 128 / 255, 128 / 255)}  # white, of samples up to 1
MEANINGS = {0: "white is zero", 1: "black is zero", 2: "RGB", 3: "palette", 5: "CMYK", 8: "CIE Lab", 9: "ICC Lab"}
DEPTHS = ("1", "2", "4", "6", "8", "10", "12", "16", "u32", "i8", "i16", "i32", "f16", "f32", "f64")


@dataclass(frozen=True)
class Depth:
    """The type of samples, how many bits they have in the file, and which sample is white."""

    dtype: np.dtype
    bits: int
    white: float


def depth(name: str) -> Depth:
    """The depth of that name: a number of bits, or a type."""
    if name.isdigit():
        bits = int(name)
        return Depth(np.dtype("u1" if bits <= 8 else "u2"), bits, (1 << bits) - 1)
    bits = int(name[1:])
    dtype = np.dtype(f"{name[0]}{bits // 8}")
    whites = {"u32": 2**32 - 1, "i8": 255, "i16": 65535, "i32": 2**31 - 1}  # of signed samples: libvips' choice
    return Depth(dtype, bits, whites.get(name, 1.0))


def drawn(channels: int) -> np.ndarray:
    """Smooth colours from 0 to 1 (row, column, channel), no two channels alike."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    across, down = x / (WIDTH - 1), y / (HEIGHT - 1)
    waves = [across, down, 1 - (across + down) / 2, (across * down) / 2]
    return np.stack(waves[:channels], axis=-1)


def alpha_plane() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return 0.25 + 0.75 * (x + y) / (WIDTH + HEIGHT - 2)


def on_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return rgb * alpha[..., None] + 255 * (1 - alpha[..., None])


def as_rgb(meaning: int, eight_bits: np.ndarray) -> np.ndarray:
    """The colours (row, column, red-green-blue) of samples of 8 bits."""
    if CHANNELS[meaning] == 1:
        return np.repeat(255 - eight_bits if meaning == 0 else eight_bits, 3, axis=-1).astype(float)
    if meaning in {8, 9}:
        eight_bits = eight_bits ^ np.array([0, 128, 128], np.uint8)  # Pillow takes a and b to be signed
    picture = Image.fromarray(eight_bits, {2: "RGB", 5: "CMYK", 8: "LAB", 9: "LAB"}[meaning])
    if meaning in {8, 9}:
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        picture = ImageCms.profileToProfile(picture, lab, srgb, intent, outputMode="RGB")
    return np.asarray(picture.convert("RGB"), float)


@dataclass(frozen=True)
class Drawing:
    """The samples to write, and how the picture looks on white."""

    samples: np.ndarray
    shown: np.ndarray
    tags: dict[int, tuple[str, list[int]]]


@cache
def drawing(meaning: int, of: Depth, extra: tuple[int, ...]) -> Drawing:
    alpha = quantised(alpha_plane(), of)
    tags: dict[int, tuple[str, list[int]]] = {}
    if meaning == 3:
        stored = quantised(drawn(1), of)
        colour_map = np.random.default_rng(of.bits).integers(0, 65536, (3, 1 << of.bits))
        tags[320] = ("H", colour_map.ravel().tolist())
        shown = (colour_map.T[np.round(stored[..., 0] * of.white).astype(int)] >> 8).astype(float)
    else:
        stored, shown = coloured(meaning, of, alpha if extra == PREMULTIPLIED else np.ones_like(alpha))
    if extra == STRAIGHT:
        shown = on_paper(meaning, stored, alpha) if meaning in PAPER else on_white(shown, alpha)
    samples = of_lab(meaning, stored, of) if meaning in {8, 9} else stored * of.white
    if extra:
        samples = np.concatenate([samples, alpha[..., None] * of.white], axis=-1)
    whole = samples if of.dtype.kind == "f" else np.round(samples)
    return Drawing(whole.astype(of.dtype), shown, tags)


def on_paper(meaning: int, stored: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours from 0 to 1 that are laid on white before they become RGB."""
    laid = stored * alpha[..., None] + np.array(PAPER[meaning]) * (1 - alpha[..., None])
    return as_rgb(meaning, np.round(laid * 255).astype(np.uint8))


def of_lab(meaning: int, stored: np.ndarray, of: Depth) -> np.ndarray:
    """Lab samples (TIFF 6.0, section 23): CIE Lab has signed a and b. In 16 bits a step is 256; of its L, 257."""
    eight_bits = np.round(stored * 255).astype(np.uint32)
    if meaning == 8:
        eight_bits[..., 1:] ^= 128
    if of.bits == 8:
        return eight_bits.astype(float)
    return eight_bits * np.array([257 if meaning == 8 else 256, 256, 256]).astype(float)


def coloured(meaning: int, of: Depth, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The samples from 0 to 1, multiplied by alpha, and how they look on white."""
    colours = drawn(CHANNELS[meaning])
    if of.dtype.kind == "i":
        colours = colours / 2.1  # signed samples reach half of the white of unsigned ones
    light = 1 - colours if meaning == 0 else colours
    stored = light * alpha[..., None]
    stored = quantised(1 - stored if meaning == 0 else stored, of)
    shown = as_rgb(meaning, np.round(stored * 255).astype(np.uint8))
    whitened = meaning in {5, 8, 9}  # no ink is white already; Lab is drawn opaque
    return stored, shown if whitened else shown + 255 * (1 - alpha[..., None])


def quantised(values: np.ndarray, of: Depth) -> np.ndarray:
    """Values from 0 to 1 as narrow samples can hold them."""
    return np.round(values * of.white) / of.white if of.bits < 8 else values


def ways(of: Depth, start: int) -> Iterator[dict[str, Any]]:
    """Some of the ways to lay out and to pack samples: others for each start."""
    predictors = [PLAIN]
    if of.bits in {8, 16, 32, 64}:
        predictors += [DIFFERENCES]
    if of.dtype.kind == "f":
        predictors += [FLOAT_DIFFERENCES]
    codes = [(code, PLAIN) for code in CODES]
    codes += [(code, predictor) for code in ("lzw", "deflate", "zstd") for predictor in predictors[1:]]
    blocks: list[int | tuple[int, int]] = [1 << 16, 8, (16, 16)]
    every = list(product(codes, blocks, ("<", ">"), (False, True), (1, 2)))
    places = [(start * 46 + step * 23) % len(every) for step in range(WAYS)]
    for (code, predictor), block, order, big, fill in (every[place] for place in places):
        yield {"code": code, "predictor": predictor, "block": block, "order": order, "big": big, "fill_order": fill}


def read_by_tifffile(file: bytes, tiff: Tiff) -> np.ndarray:
    with tifffile.TiffFile(BytesIO(file)) as opened:
        samples = opened.pages[0].asarray()
    if samples.ndim == 2:
        return samples[..., None]
    return np.moveaxis(samples, 0, -1) if tiff.separate else samples


def shown_on_white(file: bytes) -> np.ndarray:
    [made] = render(file, [SPEC], Limits()).renditions
    picture = Image.open(BytesIO(made.data)).convert("RGBA")
    ground = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(ground, picture).convert("RGB"), float)


def is_refused(meaning: int, of: Depth, extra: tuple[int, ...]) -> bool:
    """Whether such a picture is refused: nobody knows how signed inks or a signed alpha are meant."""
    return of.dtype.kind == "i" and (meaning == 5 or extra in {PREMULTIPLIED, STRAIGHT})


def kinds() -> Iterator[tuple[int, str]]:
    for meaning, name in product(MEANINGS, DEPTHS):
        narrow, lab = name.isdigit(), name in {"8", "16"}
        if {3: narrow, 8: lab, 9: lab}.get(meaning, True):
            yield meaning, name


def tiffs(meaning: int, of: Depth) -> Iterator[tuple[Tiff, Drawing]]:
    """Files of that kind, each laid out and packed in other ways."""
    for number, (extra, separate) in enumerate(product(ALPHAS, (False, True))):
        if meaning in {3, 8, 9} and extra == PREMULTIPLIED:
            continue
        picture = drawing(meaning, of, extra)
        for way in ways(of, start=number + of.bits + 5 * meaning):
            yield Tiff(photometric=meaning, bits=of.bits, extra=extra, separate=separate, **way), picture


@pytest.mark.parametrize(("meaning", "name"), list(kinds()), ids=lambda value: MEANINGS.get(value, value))
def test_a_tiff_is_shown_as_it_was_drawn_or_is_of_a_kind_that_is_refused(meaning: int, name: str) -> None:
    of = depth(name)
    for tiff, picture in tiffs(meaning, of):
        file = replace(tiff, tags=picture.tags).of(picture.samples)
        assert np.array_equal(read_by_tifffile(file, tiff), picture.samples), described(tiff)

        if is_refused(meaning, of, tiff.extra):
            with pytest.raises(UnsupportedFormat):
                shown_on_white(file)
        else:
            within = 12 if meaning in {8, 9} and tiff.extra == STRAIGHT else 3  # a step of Lab is many of RGB
            assert near(shown_on_white(file), picture.shown, within=within), described(tiff)


TURNED = {
    "Pillow": Tiff(photometric=2, bits=8),
    "Pillow by libtiff": Tiff(photometric=2, bits=8, code="lzw"),
    "raythumbs": Tiff(photometric=1, bits=16),
    "raythumbs, planes": Tiff(photometric=5, bits=16, code="lzw", separate=True),
    "Pillow, palette": Tiff(photometric=3, bits=4, code="packbits"),
}


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("reader", TURNED)
def test_a_tiff_is_turned_once_by_each_reader(reader: str, turn: int) -> None:
    tiff = TURNED[reader]
    picture = drawing(tiff.photometric, depth(str(tiff.bits)), NONE)
    lying = Image.fromarray(picture.shown.astype(np.uint8))

    file = replace(tiff, tags=picture.tags | {274: ("H", [turn])}).of(picture.samples)

    upright = lying.transpose(TURNS[turn]) if turn > 1 else lying
    assert near(shown_on_white(file), np.asarray(upright), within=3)
