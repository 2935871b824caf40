import struct
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageCms

from raythumbs.model.photo import Format
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    corners,
    four_corners,
    near,
    opened,
    rendition,
    saved,
    thumbnail,
)

SIZE = (120, 80)

# The colorants of two spaces with the white of D50, in columns red, green, blue. Source: B. Lindbloom, "RGB/XYZ
# Matrices" (sRGB); Apple, "Display P3" profile.
SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
DISPLAY_P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])


@cache
def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@cache
def profile_with(*colorants: tuple[float, ...]) -> bytes:
    """The profile of sRGB with other colorants: `rXYZ`, `gXYZ` and `bXYZ` (ICC.1:2022, 7.3 and 10.31)."""
    profile = bytearray(srgb_profile())
    for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True):
        entry = profile.index(name)
        offset, _ = struct.unpack_from(">II", profile, entry + 4)
        struct.pack_into(">iii", profile, offset + 8, *(round(value * 65536) for value in xyz))
    return bytes(profile)


def display_p3() -> bytes:
    return profile_with(*(tuple(column) for column in DISPLAY_P3.T))


def red_and_green_swapped() -> bytes:
    red, green, blue = SRGB.T
    return profile_with(tuple(green), tuple(red), tuple(blue))


def as_srgb(colour: tuple[int, int, int]) -> list[float]:
    """A Display P3 colour in sRGB, by the definition of both."""
    encoded = np.array(colour) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    other = np.linalg.inv(SRGB) @ DISPLAY_P3 @ linear
    return list(255 * np.where(other <= 0.0031308, other * 12.92, 1.055 * other ** (1 / 2.4) - 0.055))


def lab(red: int, green: int, blue: int) -> Image.Image:
    there = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    picture = ImageCms.applyTransform(Image.new("RGB", SIZE, (red, green, blue)), there)
    assert picture is not None
    return picture


def flat(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, SIZE, colour)  # type: ignore[arg-type]


KINDS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "grey JPEG": (saved(flat("L", 99), "JPEG"), (99, 99, 99)),
    "grey PNG": (saved(flat("L", 99), "PNG"), (99, 99, 99)),
    "one-bit PNG": (saved(flat("1", 1), "PNG"), (255, 255, 255)),
    "fax TIFF": (saved(flat("1", 1), "TIFF", compression="group4"), (255, 255, 255)),
    "16-bit PNG": (saved(flat("I;16", 0x8080), "PNG"), (128, 128, 128)),
    "16-bit TIFF": (saved(flat("I;16", 0x8080), "TIFF"), (128, 128, 128)),
    "big-endian 16-bit TIFF": (saved(flat("I;16B", 0x8080), "TIFF"), (128, 128, 128)),
    "palette PNG": (saved(four_corners(*SIZE).quantize(4), "PNG"), ()),
    "palette GIF": (saved(four_corners(*SIZE).quantize(4), "GIF"), ()),
    "palette BMP": (saved(four_corners(*SIZE).quantize(4), "BMP"), ()),
    "RGB PNG": (saved(four_corners(*SIZE), "PNG"), ()),
    "YCbCr TIFF": (saved(four_corners(*SIZE).convert("YCbCr"), "TIFF"), ()),
    "CMYK JPEG": (saved(flat("CMYK", (0, 255, 255, 0)), "JPEG"), RED),
    "CMYK TIFF": (saved(flat("CMYK", (255, 255, 0, 0)), "TIFF"), BLUE),
    "LAB TIFF": (saved(lab(200, 50, 50), "TIFF"), (200, 50, 50)),
    "grey and alpha": (saved(flat("LA", (100, 255)), "PNG"), (100, 100, 100)),
    "RGB and alpha": (saved(four_corners(*SIZE).convert("RGBA"), "PNG"), ()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("written_as", Format)
def test_every_kind_of_pixel_keeps_its_colour_in_every_format(kind: str, written_as: Format) -> None:
    photo, colour = KINDS[kind]

    made = thumbnail(photo, width=60, height=60, format=written_as, quality=95)

    assert near(corners(made), [colour] * 4 if colour else [RED, GREEN, BLUE, YELLOW], within=6)


def test_sixteen_bits_are_scaled_to_eight_and_not_cut_off() -> None:
    steps = np.repeat(np.linspace(0, 65535, 64, dtype=np.uint16)[None, :], 64, axis=0)

    made = thumbnail(saved(Image.fromarray(steps), "PNG"))

    assert made.mode == "L"
    assert near(np.asarray(made)[0], np.linspace(0, 255, 64), within=1)


@pytest.mark.parametrize(
    ("picture", "transparency"),
    [
        (flat("L", 7), 7),
        (flat("RGB", (1, 2, 3)), (1, 2, 3)),
        (flat("P", 0), 0),
    ],
    ids=["L", "RGB", "P"],
)
def test_a_colour_that_stands_for_transparency_becomes_alpha(picture: Image.Image, transparency: object) -> None:
    photo = saved(picture, "PNG", transparency=transparency)

    assert near(thumbnail(photo, width=60).getchannel("A").getextrema(), (0, 0), within=0)
    assert near(corners(thumbnail(photo, width=60, format=Format.JPEG)), [(255, 255, 255)] * 4, within=1)


# --- colour profiles


@pytest.mark.parametrize("colour", [(200, 100, 50), (90, 160, 110), (40, 60, 150), (128, 128, 128), (255, 255, 255)])
@pytest.mark.parametrize("written_as", ["PNG", "TIFF", "WEBP", "AVIF", "JPEG", "HEIF"])
def test_a_phones_wide_colours_are_converted_to_srgb(colour: tuple[int, int, int], written_as: str) -> None:
    lossless = {"lossless": True} if written_as == "WEBP" else {}
    photo = saved(flat("RGB", colour), written_as, icc_profile=display_p3(), **lossless)

    made = thumbnail(photo, width=60)

    assert near(corners(made), [as_srgb(colour)] * 4, within=4)


def test_a_profile_that_swaps_red_and_green_is_obeyed() -> None:
    photo = saved(four_corners(*SIZE), "PNG", icc_profile=red_and_green_swapped())

    made = thumbnail(photo, width=60)

    assert near(corners(made)[0], (0, 255, 0), within=3)
    assert near(corners(made)[3], (255, 255, 0), within=3)


def test_alpha_is_left_alone_by_a_profile() -> None:
    picture = four_corners(*SIZE)
    picture.putalpha(77)

    made = thumbnail(saved(picture, "PNG", icc_profile=red_and_green_swapped()), width=60)

    assert made.getchannel("A").getextrema() == (77, 77)
    assert near(corners(made)[0], (0, 255, 0), within=5)


def test_a_palettes_colours_are_converted_too() -> None:
    photo = saved(four_corners(*SIZE).quantize(4), "PNG", icc_profile=red_and_green_swapped())

    assert near(corners(thumbnail(photo, width=60))[0], (0, 255, 0), within=3)


def test_srgb_stays_as_it_is() -> None:
    photo = saved(four_corners(*SIZE), "PNG", icc_profile=srgb_profile())

    assert near(corners(thumbnail(photo)), [RED, GREEN, BLUE, YELLOW], within=1)


@pytest.mark.parametrize(
    "profile",
    [b"", b"no profile", srgb_profile()[:200], bytes(len(srgb_profile())), srgb_profile().replace(b"RGB ", b"CMYK", 1)],
    ids=["empty", "text", "cut short", "zeros", "of another space"],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_broken_profile_is_ignored(profile: bytes, mode: str) -> None:
    photo = saved(four_corners(*SIZE).convert(mode), "PNG", icc_profile=profile)

    assert near(corners(thumbnail(photo, width=60)), [RED, GREEN, BLUE, YELLOW], within=1)


@pytest.mark.parametrize("kind", ["L", "CMYK"])
def test_a_profile_of_another_kind_of_pixel_is_ignored(kind: str) -> None:
    grey = flat("L", 99) if kind == "L" else flat("CMYK", (0, 0, 0, 156))

    made = thumbnail(saved(grey, "JPEG", icc_profile=display_p3()), width=60)

    assert near(corners(made), [(99, 99, 99)] * 4, within=2)


@pytest.mark.parametrize("written_as", Format)
def test_a_thumbnail_has_no_profile_for_it_needs_none(written_as: Format) -> None:
    made = rendition(saved(four_corners(*SIZE), "PNG", icc_profile=display_p3()), format=written_as).data

    assert b"acsp" not in made
    assert not opened(made).info.get("icc_profile")
