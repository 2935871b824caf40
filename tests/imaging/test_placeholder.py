from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import thumbhash
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from raythumbs.imaging import render
from raythumbs.imaging.placeholder import thumb_hash
from raythumbs.model.photo import Fit, RenditionSpec
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    LIMITS,
    PHOTOGRAPHS,
    RED,
    YELLOW,
    corners,
    four_corners,
    mean_error,
    near,
    photograph,
    saved,
)
from tests.imaging.test_render import TURNED, lying


def by_its_inventors_rules(picture: Image.Image) -> bytes:
    """What another implementation makes of every pixel."""
    rgba = picture.convert("RGBA")
    return bytes(thumbhash.rgba_to_thumb_hash(*rgba.size, list(rgba.tobytes())))


def painted(told: bytes) -> Image.Image:
    """What an app paints of it."""
    bits = int.from_bytes(told, "little")
    clear, landscape = bits >> 23 & 1, bits >> 39 & 1
    most, other = 5 if clear else 7, max(3, bits >> 24 & 7)
    across, down = (most, other) if landscape else (other, most)
    fields = iter(nibbles(told[6 if clear else 5 :]))
    luma = waves(fields, across, down, mean=(bits & 63) / 63, largest=(bits >> 18 & 31) / 31)
    yellow = waves(fields, 3, 3, mean=(bits >> 6 & 63) / 31.5 - 1, largest=(bits >> 27 & 63) / 63)
    red = waves(fields, 3, 3, mean=(bits >> 12 & 63) / 31.5 - 1, largest=(bits >> 33 & 63) / 63)
    opacity = np.ones((24, 32))
    if clear:
        opacity = waves(fields, 5, 5, mean=(bits >> 40 & 15) / 15, largest=(bits >> 44 & 15) / 15)
    blue = luma - 2 / 3 * yellow
    first = (3 * luma - blue + red) / 2
    samples = np.stack([first, first - red, blue, opacity], axis=-1).clip(0, 1) * 255
    return Image.fromarray(samples.round().astype(np.uint8))


def waves(fields: Iterator[int], across: int, down: int, *, mean: float, largest: float) -> np.ndarray:
    """24 rows of 32 samples that have this mean and these waves."""
    samples = np.full((24, 32), mean)
    for y in range(down):
        for x in range(0 if y else 1, across):
            if x * down < across * (down - y):
                amplitude = (next(fields) / 7.5 - 1) * largest * (2 if x else 1) * (2 if y else 1)
                samples += amplitude * np.outer(cosine(y, 24), cosine(x, 32))
    return samples


def cosine(wave: int, length: int) -> np.ndarray:
    return np.cos(np.pi / length * wave * (np.arange(length) + 0.5))


def nibbles(told: bytes) -> Sequence[int]:
    return [half for byte in told for half in (byte & 15, byte >> 4)]


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_photos_placeholder_is_what_every_pixel_would_give_but_for_rounding(name: str) -> None:
    photo = photograph(name)
    full = by_its_inventors_rules(photo.resize((100, round(100 * photo.height / photo.width)), Image.Resampling.BOX))

    made = render(saved(photo, "JPEG", quality=95), [RenditionSpec()], LIMITS).thumb_hash

    assert len(made) == len(full)
    assert mean_error(painted(made), painted(full)) < 6


@given(st.integers(8, 40), st.integers(8, 40), st.sampled_from(["L", "RGB"]), st.randoms())
@settings(max_examples=60)
def test_both_implementations_make_the_same_hash_of_the_same_pixels_but_for_rounding(
    width: int, height: int, mode: str, random
) -> None:
    assume(7 * min(width, height) * 2 % max(width, height))  # the other rounds a half to even, the inventor's up
    coarse = Image.frombytes(mode, (3, 3), random.randbytes(9 * len(mode)))
    picture = coarse.resize((width, height), Image.Resampling.BICUBIC)

    made, right = thumb_hash(picture), by_its_inventors_rules(picture)

    assert len(made) == len(right)
    # The largest wave may round to another step of 31, which is 8, and 27 waves are as large at most: random signs add
    # up to the root of 27 times 8.
    assert mean_error(painted(made), painted(right)) < 42


@pytest.mark.parametrize("orientation", TURNED)
def test_a_placeholder_is_upright(orientation: int) -> None:
    made = render(lying(four_corners(), orientation, "PNG"), [RenditionSpec()], LIMITS).thumb_hash

    told = corners(painted(made))
    assert all(near(one, right, within=70) for one, right in zip(told, [RED, GREEN, BLUE, YELLOW], strict=True)), told


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_kind_of_pixel_has_one(mode: str) -> None:
    picture = photograph("coffee").resize((90, 60)).convert(mode)

    made = render(saved(picture, "TIFF"), [RenditionSpec()], LIMITS).thumb_hash

    assert near(np.asarray(painted(made)).mean((0, 1)), np.asarray(picture.convert("RGBA")).mean((0, 1)), within=16)


def test_transparent_pixels_stay_transparent_and_lend_no_colour() -> None:
    picture = Image.new("RGBA", (80, 80), (0, 255, 0, 0))  # green, but it is transparent
    picture.paste((*RED, 255), (0, 0, 40, 80))

    made = painted(render(saved(picture, "PNG"), [RenditionSpec()], LIMITS).thumb_hash)

    assert near(made.getpixel((4, 12)), (*RED, 255), within=24)
    assert made.getpixel((27, 12))[3] < 24


def test_a_transparent_photo_has_a_transparent_placeholder() -> None:
    made = painted(render(saved(Image.new("RGBA", (50, 50)), "PNG"), [RenditionSpec()], LIMITS).thumb_hash)

    assert made.getextrema()[3] == (0, 0)


@pytest.mark.parametrize("size", [(1, 1), (10_000, 1), (1, 10_000), (2, 3)])
def test_the_smallest_and_the_thinnest_have_one_too(size: tuple[int, int]) -> None:
    made = render(saved(Image.new("RGB", size, RED), "PNG"), [RenditionSpec()], LIMITS).thumb_hash

    assert mean_error(painted(made), Image.new("RGB", (32, 24), RED)) < 2


def test_it_shows_the_whole_photo_whatever_the_thumbnails_show() -> None:
    photo = saved(four_corners(), "PNG")
    one, *others = (
        render(photo, [RenditionSpec(width=20, height=20, fit=fit, focus=(0, 0))], LIMITS).thumb_hash for fit in Fit
    )

    assert all(mean_error(painted(other), painted(one)) < 3 for other in others)


@pytest.mark.needs("native")
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_library_in_c_makes_the_same_placeholder(mode, monkeypatch):
    chance = np.random.default_rng(1)
    sizes = [(32, 32), (32, 21), (1, 32), (32, 3), (100, 77)]
    pictures = [Image.effect_noise(size, 90).convert(mode) for size in sizes]
    if mode == "RGBA":
        for picture in pictures:
            picture.putalpha(Image.fromarray(chance.integers(0, 256, picture.size[::-1], np.uint8)))

    made = [thumb_hash(picture) for picture in pictures]

    monkeypatch.setattr("raythumbs.imaging.placeholder.loaded", lambda: None)
    assert made == [thumb_hash(picture) for picture in pictures]
