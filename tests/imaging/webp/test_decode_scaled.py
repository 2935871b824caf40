"""Large WebPs are decoded at a smaller size; nobody can tell but by the time that it takes."""

from contextlib import closing
from functools import cache
from tempfile import TemporaryFile

import numpy as np
import pytest
from PIL import Image

from raythumbs.errors import Truncated
from raythumbs.imaging import Limits, RenditionSpec, render
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.imaging.webp import decode, libwebp
from raythumbs.model.photo import Fit, Format
from tests.imaging.pictures import LIMITS, corners, four_corners, opened, photograph, saved, thumbnail

SMALL = {"width": 100, "height": 100}


@cache
def large() -> Image.Image:
    return photograph("astronaut", times=3)


@pytest.fixture
def calls(monkeypatch) -> list[tuple[int, int]]:
    """The sizes of the pictures that libwebp scaled."""
    sizes: list[tuple[int, int]] = []
    real = libwebp.scaled

    def noted(file, size):
        picture = real(file, size)
        if picture:
            sizes.append(picture.size)
        return picture

    monkeypatch.setattr(decode, "scaled", noted)
    return sizes


def decibels(one: Image.Image, other: Image.Image) -> float:
    difference = np.asarray(one.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)
    return 10 * np.log10(255**2 / np.mean(difference**2))


@pytest.mark.parametrize("spec", [{}, {"fit": Fit.COVER, "height": 60}, {"fit": Fit.FILL, "height": 50}])
def test_a_large_photo_is_scaled_while_it_is_decoded_and_looks_the_same(calls, monkeypatch, spec):
    photo = saved(large(), "WEBP", quality=90)

    quick = thumbnail(photo, **SMALL | spec)
    monkeypatch.setattr(decode, "scaled", lambda *_: None)
    exact = thumbnail(photo, **SMALL | spec)

    assert len(calls) == 1
    assert max(calls[0]) < max(large().size) / 2
    assert quick.size == exact.size
    assert decibels(quick, exact) > 48


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photo_that_lies_is_turned(calls, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    lying = saved(four_corners(1200, 800), "WEBP", quality=95, exif=exif)
    small = saved(four_corners(120, 80), "PNG", exif=exif)

    assert corners_near(thumbnail(lying, **SMALL), thumbnail(small, **SMALL))
    assert len(calls) == 1


def corners_near(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and all(
        abs(a - b) < 12 for pair in zip(corners(one), corners(other), strict=True) for a, b in zip(*pair, strict=True)
    )


def with_alpha() -> bytes:
    picture = large().convert("RGBA")
    picture.putalpha(128)
    return saved(picture, "WEBP")


@pytest.mark.parametrize(
    "photo",
    [
        lambda: saved(photograph("astronaut"), "WEBP", lossless=True),
        lambda: saved(large(), "WEBP", save_all=True, append_images=[large().rotate(90)]),
        with_alpha,
        lambda: saved(large().resize((250, 250)), "WEBP"),
    ],
    ids=["lossless", "animated", "with alpha", "small"],
)
def test_other_webps_are_decoded_as_before(calls, photo):
    thumbnail(photo(), **SMALL)

    assert calls == []


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_photo_that_lacks_its_end_is_refused_as_before(calls, share):
    photo = saved(large(), "WEBP")

    with pytest.raises(Truncated):
        thumbnail(photo[: int(len(photo) * share)], **SMALL)
    assert calls == []


def test_without_libwebps_functions_photos_are_decoded_by_pillow(monkeypatch, calls):
    monkeypatch.setattr(libwebp, "library", lambda: None)

    made = thumbnail(saved(large(), "WEBP"), **SMALL)

    assert (made.size, calls) == ((100, 100), [])


def test_the_sandbox_scales_too(calls):
    photo = saved(large(), "WEBP")
    specs = [RenditionSpec(format=Format.PNG, **SMALL)]
    with TemporaryFile() as file, closing(Sandbox(specs, Limits())) as sandbox:
        file.write(photo)
        file.seek(0)

        confined, _ = sandbox.render(file, seconds=60)

    assert confined.renditions == render(photo, specs, LIMITS).renditions
    assert len(calls) == 1
    assert opened(confined.renditions[0].data).size == (100, 100)
