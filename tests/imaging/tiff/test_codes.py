"""TIFFs in a code that goes with a kind of picture: JPEG, fax, WebP, and YCbCr with fewer samples of colour."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from raythumbs.errors import UnsupportedFormat
from raythumbs.imaging import render
from raythumbs.model.photo import RenditionSpec
from tests.imaging.matrix.tiff_file import Tiff
from tests.imaging.pictures import LIMITS, mean_error, saved, thumbnail

WIDTH, HEIGHT = 80, 60
LAYOUTS: dict[str, dict[str, Any]] = {"strip": {}, "strips": {"rowsperstrip": 16}, "tiles": {"tile": (32, 32)}}


def drawn() -> np.ndarray:
    """Smooth colours."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x + y) * 255 // (WIDTH + HEIGHT - 2)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def written(samples: np.ndarray, **options: Any) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, np.ascontiguousarray(samples), **options)
    return file.getvalue()


def shown(file: bytes) -> Image.Image:
    return thumbnail(file, width=WIDTH, height=HEIGHT)


def jpeg(**more: str) -> dict[str, Any]:
    """How to write JPEG; tifffile changes what it is given."""
    return {"compression": "jpeg", "compressionargs": {"level": 95, **more}}


KINDS: dict[str, Callable[..., tuple[bytes, np.ndarray]]] = {
    **{
        f"JPEG, YCbCr {sampling}": lambda sampling=sampling, **options: (
            written(drawn(), photometric="rgb", subsampling=sampling, **jpeg(), **options),
            drawn(),
        )
        for sampling in ((1, 1), (2, 1), (2, 2))
    },
    "JPEG, RGB": lambda **options: (
        written(drawn(), photometric="rgb", **jpeg(outcolorspace="rgb"), **options),
        drawn(),
    ),
    "JPEG, RGB in planes": lambda **options: (
        written(np.moveaxis(drawn(), -1, 0), photometric="rgb", planarconfig="separate", **jpeg(), **options),
        drawn(),
    ),
    "JPEG, grey": lambda **options: (written(drawn()[..., 0], photometric="minisblack", **jpeg(), **options), grey()),
    "JPEG, white is zero": lambda **options: (
        written(drawn()[..., 0], photometric="miniswhite", **jpeg(), **options),
        255 - grey(),
    ),
    "WebP": lambda **options: (written(drawn(), photometric="rgb", compression="webp", **options), drawn()),
    "WebP with alpha": lambda **options: (
        written(with_alpha(), photometric="rgb", compression="webp", extrasamples=["unassalpha"], **options),
        drawn(),
    ),
}


def grey() -> np.ndarray:
    return np.repeat(drawn()[..., :1], 3, axis=-1)


def with_alpha() -> np.ndarray:
    return np.dstack([drawn(), np.full((HEIGHT, WIDTH), 255, np.uint8)])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_tiff_of_small_files_is_shown_as_it_was_drawn(kind: str, layout: str, order: str) -> None:
    file, right = KINDS[kind](byteorder=order, bigtiff=layout == "strips", **LAYOUTS[layout])

    assert mean_error(shown(file), Image.fromarray(right)) < 2.5


@pytest.mark.parametrize("code", ["group3", "group4", "tiff_ccitt"])
@pytest.mark.parametrize("white", [0, 1])
def test_a_fax_is_black_on_white(code: str, white: int) -> None:
    page = Image.new("1", (WIDTH, HEIGHT), 255)
    page.paste(0, (20, 10, 60, 30))

    made = shown(saved(page, "TIFF", compression=code, tiffinfo={262: white}))

    assert mean_error(made, page.convert("RGB")) == 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", ["none", "lzw", "deflate"])
@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (4, 4)])
def test_a_ycbcr_tiff_may_have_fewer_samples_of_colour(across: int, down: int, code: str, order: str) -> None:
    picture = Image.fromarray(drawn()).convert("YCbCr")

    tiff = Tiff(photometric=6, bits=8, code=code, order=order, tags={530: ("H", [across, down])})
    file = tiff.of_blocks([coarser(np.asarray(picture), across, down)], (WIDTH, HEIGHT), 3)

    assert mean_error(shown(file), picture.convert("RGB")) < 4


def coarser(samples: np.ndarray, across: int, down: int) -> bytes:
    """Units of pixels: their brightness one by one, then the average of their colour."""
    blocks = samples.reshape(HEIGHT // down, down, WIDTH // across, across, 3).transpose(0, 2, 1, 3, 4)
    bright = blocks[..., 0].reshape(*blocks.shape[:2], -1)
    colour = blocks[..., 1:].mean(axis=(2, 3))
    return np.concatenate([bright, colour.astype(np.uint8)], axis=-1).tobytes()


@pytest.mark.parametrize("in_strips", [False, True])
@pytest.mark.parametrize(("number", "across", "down"), [(0, 1, 1), (1, 2, 1), (2, 2, 2)])
def test_jpeg_of_the_old_kind_is_read(number: int, across: int, down: int, *, in_strips: bool) -> None:
    """TIFF 6.0, section 22: one JPEG file within the TIFF, whose place stands in tags of its own."""
    photo = saved(Image.fromarray(drawn()), "JPEG", quality=95, subsampling=number)

    file = old_jpeg(photo, samples=3, tags={530: ("H", [across, down])}, in_strips=in_strips)

    assert mean_error(shown(file), Image.fromarray(drawn())) < 2.5


def old_jpeg(photo: bytes, *, samples: int, tags: dict[int, Any], in_strips: bool = True) -> bytes:
    place = {513: ("I", [8]), 514: ("I", [len(photo)])}
    strips = {273: ("I", [8]), 279: ("I", [len(photo)])} if in_strips else {}
    size = {256: ("I", [WIDTH]), 257: ("I", [HEIGHT]), 278: ("I", [HEIGHT])}
    means = {259: ("H", [6]), 262: ("H", [6 if samples == 3 else 1]), 277: ("H", [samples])}
    return Tiff(photometric=6, bits=8).of_parts([photo], size | place | strips | means | tags)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "JPEG 2000": (lambda: written(drawn(), photometric="rgb", compression="jpeg2000"), "JPEG 2000"),
    "JPEG XL": (lambda: written(drawn(), photometric="rgb", compression="jpegxl"), "JPEG XL"),
    "LERC": (lambda: written(drawn(), photometric="rgb", compression="lerc"), "LERC"),
    "PNG": (lambda: written(drawn(), photometric="rgb", compression="png"), "method 34933"),
    "JPEG of 12 bits": (
        lambda: written(drawn()[..., 0].astype("u2"), photometric="minisblack", bitspersample=12, **jpeg()),
        "JPEG of 12 bits",
    ),
    "grey JPEG of the old kind": (
        lambda: old_jpeg(saved(Image.fromarray(drawn()).convert("L"), "JPEG"), samples=1, tags={}),
        "old kind",
    ),
    "complex numbers": (lambda: written(drawn().astype("c8"), photometric="rgb"), "kind 6"),
    "64 bits": (lambda: written(drawn().astype("u8"), photometric="rgb"), "64 bits"),
    "24 bits": (lambda: written(drawn().astype("u4"), photometric="rgb", bitspersample=24), "24 bits"),
    "raw": (lambda: Tiff(photometric=32803, bits=16).of(np.zeros((9, 9, 1), "u2")), "raw"),
    "mask": (lambda: Tiff(photometric=4, bits=1).of(np.zeros((9, 9, 1), "u1")), "mask"),
    "logarithms": (lambda: Tiff(photometric=32845, bits=16).of(np.zeros((9, 9, 3), "u2")), "SGI"),
    "ITU Lab": (lambda: Tiff(photometric=10, bits=8).of(np.zeros((9, 9, 3), "u1")), "ITU"),
    "YCbCr in planes": (lambda: Tiff(photometric=6, bits=8, separate=True).of(drawn()), "YCbCr"),
    "Lab of floats": (lambda: Tiff(photometric=8, bits=32).of(drawn().astype("f4")), "Lab"),
    "palette of 32 bits": (lambda: Tiff(photometric=3, bits=32).of(np.zeros((9, 9, 1), "u4")), "palette"),
    "seven inks": (
        lambda: Tiff(photometric=5, bits=8, tags={332: ("H", [2])}).of(np.zeros((9, 9, 7), "u1")),
        "inks",
    ),
    "too many samples": (lambda: Tiff(photometric=1, bits=8).of(np.zeros((9, 9, 200), "u1")), "200 samples"),
    "differences of 12 bits": (
        lambda: Tiff(photometric=1, bits=12, code="lzw", predictor=2).of(np.zeros((9, 9, 1), "u2")),
        "predictor 2",
    ),
    "unlike depths": (
        lambda: Tiff(photometric=2, bits=8, tags={258: ("H", [5, 6, 5])}).of(np.zeros((9, 9, 3), "u1")),
        "different kinds",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_tiff_that_is_not_read_is_refused_in_words(kind: str) -> None:
    file, words = REFUSED[kind]

    with pytest.raises(UnsupportedFormat, match=f"a TIFF .*{words}"):
        render(file(), [RenditionSpec()], LIMITS)
