"""A profile's own rendering intent, and black that stays black."""

from functools import cache

import numpy as np
import pytest
import pyvips
from PIL import Image

from tests.imaging.pictures import near, saved, thumbnail
from tests.imaging.profiles import table_profile, with_intent

PERCEPTUAL, RELATIVE, SATURATION, ABSOLUTE = range(4)
INKS = {b"A2B0": (15.0, 0.0, 0.0), b"A2B1": (15.0, 8.0, 0.0), b"A2B2": (15.0, 0.0, 8.0)}
VIPS_NAMES = {PERCEPTUAL: "perceptual", RELATIVE: "relative", SATURATION: "saturation", ABSOLUTE: "relative"}


def flat(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (60, 40), colour)  # type: ignore[arg-type]


def shown(picture: Image.Image, profile: bytes, written_as: str) -> tuple[int, ...]:
    photo = saved(picture, written_as, icc_profile=profile)
    return tuple(thumbnail(photo, width=30).convert("RGB").getpixel((9, 9)))


@pytest.mark.parametrize("intent", [PERCEPTUAL, RELATIVE, SATURATION, ABSOLUTE])
@pytest.mark.parametrize("written_as", ["PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_the_darkest_colour_of_a_profile_is_black_with_every_intent(written_as: str, intent: int) -> None:
    grey_ink = dict.fromkeys(INKS, (15.0, 0.0, 0.0))
    profile = with_intent(table_profile(b"RGB ", grey_ink), intent)

    assert near(shown(flat("RGB", "black"), profile, written_as), (0, 0, 0), within=2)
    assert near(shown(flat("RGB", "white"), profile, written_as), (255, 255, 255), within=2)


@pytest.mark.parametrize("intent", [PERCEPTUAL, RELATIVE, SATURATION])
def test_the_table_of_the_profiles_own_intent_is_used(intent: int) -> None:
    profile = with_intent(table_profile(b"RGB ", INKS), intent)

    red, green, blue = shown(flat("RGB", (90, 90, 90)), profile, "PNG")

    assert (red > green + 3) == (intent == RELATIVE)
    assert (blue < green - 3) == (intent == SATURATION)


@pytest.mark.parametrize("intent", [PERCEPTUAL, RELATIVE, SATURATION, ABSOLUTE])
@pytest.mark.parametrize("colour", [(0, 0, 0), (40, 40, 40), (128, 90, 60), (220, 230, 240)], ids=str)
def test_each_intent_looks_as_libvips_makes_it(colour: tuple[int, ...], intent: int) -> None:
    profile = with_intent(table_profile(b"RGB ", INKS), intent)

    assert near(shown(flat("RGB", colour), profile, "PNG"), as_vips(colour, profile, intent), within=2)


@pytest.mark.parametrize("intent", [PERCEPTUAL, RELATIVE])
@pytest.mark.parametrize("inks", [(0, 0, 0, 0), (0, 0, 0, 255), (255, 255, 255, 255), (100, 20, 30, 10)], ids=str)
@pytest.mark.parametrize("written_as", ["JPEG", "TIFF"])
def test_a_printers_inks_look_as_libvips_makes_them(written_as: str, inks: tuple[int, ...], intent: int) -> None:
    profile = with_intent(bytes(pyvips.Operation.call("profile_load", "cmyk")), intent)

    made = shown(flat("CMYK", inks), profile, written_as)

    assert near(made, as_vips(inks, profile, intent), within=3)
    assert inks != (255, 255, 255, 255) or max(made) < 25


def test_without_a_known_intent_colours_are_relative_to_white() -> None:
    odd, relative = (with_intent(table_profile(b"RGB ", INKS), intent) for intent in (77, RELATIVE))

    assert shown(flat("RGB", (90, 90, 90)), odd, "PNG") == shown(flat("RGB", (90, 90, 90)), relative, "PNG")


def test_paper_that_is_not_white_is_shown_as_white_even_if_the_profile_asks_for_absolute_colours() -> None:
    profile = bytearray(with_intent(table_profile(b"RGB ", INKS), ABSOLUTE))
    white = profile.index(b"XYZ ", 132) + 8
    profile[white : white + 4] = (50000).to_bytes(4, "big")  # greenish paper

    assert near(shown(flat("RGB", "white"), bytes(profile), "PNG"), (255, 255, 255), within=1)


@cache
def as_vips(colour: tuple[int, ...], profile: bytes, intent: int) -> list[float]:
    pixels = np.full((2, 2, len(colour)), colour, np.uint8)
    picture = pyvips.Image.new_from_array(pixels).copy(interpretation="cmyk" if len(colour) == 4 else "srgb")
    picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    srgb = picture.icc_transform("srgb", intent=VIPS_NAMES[intent], black_point_compensation=True, embedded=True)
    return list(srgb(0, 0))
