"""Lanczos by both libraries: as accurate as the exact result allows, whatever the mode, the size and the box."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from raythumbs.imaging import lanczos as module
from raythumbs.imaging.lanczos import HAS_FAST, lanczos
from tests.imaging.pictures import photograph

PHOTO = photograph("temple")
LEAST_DB = 50


def kernel(start: float, end: float, pixels: int, made: int) -> np.ndarray:
    """Weights of each pixel in each resampled pixel: Lanczos with three lobes, widened by the scale."""
    scale = (end - start) / made
    wide = max(scale, 1.0)
    centres = start + (np.arange(made) + 0.5) * scale
    at = (np.arange(pixels) + 0.5 - centres[:, None]) / wide
    reached = np.abs(np.arange(pixels) + 0.5 - centres[:, None]) < 3 * wide + 0.5
    weights = np.where((np.abs(at) < 3) & reached, np.sinc(at) * np.sinc(at / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def exact(picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> np.ndarray:
    """The exact result, in floating point. Alpha is multiplied into the colours meanwhile."""
    samples = np.atleast_3d(np.asarray(picture)).astype(float)
    if picture.mode == "RGBA":
        samples[..., :3] *= samples[..., 3:] / 255
    down = kernel(box[1], box[3], picture.height, size[1])
    across = kernel(box[0], box[2], picture.width, size[0])
    rows = np.einsum("yi,ijc->yjc", down, samples, optimize=True)
    return np.einsum("yjc,xj->yxc", rows, across, optimize=True).clip(0, 255)


@cache
def exact_photo(mode: str, size: tuple[int, int]) -> np.ndarray:
    return exact(photo(mode), size, (0.0, 0.0, *map(float, PHOTO.size)))


@cache
def photo(mode: str) -> Image.Image:
    picture = PHOTO.convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def decibels(made: Image.Image, truth: np.ndarray) -> float:
    samples = np.atleast_3d(np.asarray(made)).astype(float)
    if made.mode == "RGBA":
        samples[..., :3] *= samples[..., 3:] / 255
    error = ((samples - truth) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.fixture(params=[pytest.param(True, marks=pytest.mark.skipif(not HAS_FAST, reason="no wheel here")), False])
def library(request, monkeypatch):
    monkeypatch.setattr(module, "HAS_FAST", request.param)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "RGBA"])
@pytest.mark.parametrize("size", [(300, 200), (640, 427), (31, 57), (1, 1), (700, 500)])
def test_the_result_is_close_to_the_exact_one(mode, size):
    made = lanczos(photo(mode), size, (0.0, 0.0, *map(float, PHOTO.size)))

    assert (made.mode, made.size) == (mode, size)
    assert decibels(made, exact_photo(mode, size)) > (LEAST_DB if module.HAS_FAST else 30)


@pytest.mark.skipif(not HAS_FAST, reason="no wheel here")
@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 200), st.integers(1, 200)),
    st.tuples(st.integers(1, 120), st.integers(1, 120)),
    st.tuples(*[st.floats(0, 1, allow_nan=False)] * 4),
    st.sampled_from(["L", "RGB", "RGBA"]),
)
def test_any_box_of_any_picture_is_close_to_the_exact_one(pixels, size, cuts, mode):
    picture = PHOTO.resize(pixels).convert(mode)
    left, right = sorted(cut * pixels[0] for cut in cuts[:2])
    top, bottom = sorted(cut * pixels[1] for cut in cuts[2:])
    box = (left, top, max(right, min(left + 0.5, pixels[0])), max(bottom, min(top + 0.5, pixels[1])))
    if box[2] <= box[0] or box[3] <= box[1]:
        return

    made = lanczos(picture, size, box)

    assert decibels(made, exact(picture, size, box)) > 40


@pytest.mark.skipif(not HAS_FAST, reason="no wheel here")
def test_every_processor_makes_the_same_bytes(monkeypatch):
    import cykooz_resizer

    made = set()
    for extensions in cykooz_resizer.CpuExtensions:

        class Fixed(cykooz_resizer.Resizer):
            def __init__(self, extensions=extensions):
                super().__init__()
                self.cpu_extensions = extensions

        if extensions.name in {"none", "sse4_1", "avx2"}:
            monkeypatch.setattr(cykooz_resizer, "Resizer", Fixed)
            made.add(lanczos(PHOTO, (301, 199), (0.0, 0.0, *map(float, PHOTO.size))).tobytes())

    assert len(made) == 1
