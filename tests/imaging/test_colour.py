import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms

from raythumbs.imaging import render
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    YELLOW,
    cmyk_profile,
    corners,
    four_corners,
    grey_profile,
    near,
    opened,
    png_rows,
    rendition,
    rgb_profile,
    saved,
    thumbnail,
    tiff_of,
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


def halves(left: tuple[int, ...], right: tuple[int, ...], *, depth: int) -> bytes:
    """A row of 64 pixels, half of one colour and half of the other."""
    samples = [*left * 32, *right * 32]
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize(
    ("colour_type", "depth", "clear", "solid", "shown"),
    [
        (0, 1, (1,), (0,), 0),
        (0, 1, (0,), (1,), 255),
        (0, 2, (1,), (2,), 170),
        (0, 4, (8,), (9,), 153),
        (0, 8, (8,), (9,), 9),
        (0, 16, (0x8012,), (0x8013,), 128),
        (2, 8, (8, 8, 9), (9, 9, 9), 9),
        (2, 16, (0x8012, 0x1111, 0x8012), (0x8012, 0x8012, 0x8012), 128),
    ],
    ids=str,
)
def test_a_png_is_clear_where_its_transparent_colour_is_at_every_depth(
    colour_type: int, depth: int, clear: tuple[int, ...], solid: tuple[int, ...], shown: int
) -> None:
    told = struct.pack(f">{len(clear)}H", *clear)
    photo = png_rows(halves(clear, solid, depth=depth), (64, 48), (b"tRNS", told), colour_type=colour_type, depth=depth)

    made = thumbnail(photo, width=32)

    assert made.mode == "RGBA"
    assert near(made.getpixel((8, 8))[3], 0, within=0)
    assert near(made.getpixel((24, 8)), (shown, shown, shown, 255), within=1)


def test_a_palette_may_be_half_transparent() -> None:
    tables = (b"PLTE", bytes([*RED, *BLUE])), (b"tRNS", bytes([128, 255]))
    photo = png_rows(halves((0,), (1,), depth=1), (64, 48), *tables, colour_type=3, depth=1)

    made = thumbnail(photo, width=32)

    assert near(made.getpixel((8, 8)), (*RED, 128), within=2)
    assert near(made.getpixel((24, 8)), (*BLUE, 255), within=2)


def flat_tiff(dtype: str, *colour: float, **told: object) -> bytes:
    samples = np.broadcast_to(np.array(colour, dtype), (48, 64, len(colour)))
    return tiff_of(samples, **({"photometric": 1 if len(colour) < 3 else 2} | told))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("photo", "shown"),
    [
        (flat_tiff("f4", 0.5, sample_format=3), (128, 128, 128)),
        (flat_tiff("f4", 1.0, sample_format=3), (255, 255, 255)),
        (flat_tiff("f4", 127, sample_format=3), (127, 127, 127)),
        (flat_tiff("f4", 32896, sample_format=3), (128, 128, 128)),
        (flat_tiff("f4", np.nan, sample_format=3), (0, 0, 0)),
        (flat_tiff("f4", np.inf, sample_format=3), (255, 255, 255)),
        (flat_tiff("f4", -np.inf, sample_format=3), (0, 0, 0)),
        (flat_tiff("f4", 0.5, 0.25, 0.75, sample_format=3), (128, 64, 191)),
        (flat_tiff("u4", 0x80000000), (128, 128, 128)),
        (flat_tiff("i2", 0x4000, sample_format=2), (64, 64, 64)),
        (flat_tiff("i4", 100, sample_format=2), (100, 100, 100)),
        (flat_tiff("u2", 0x2020, photometric=0), (223, 223, 223)),
        (flat_tiff("u1", 0x20, photometric=0), (223, 223, 223)),
        (flat_tiff("u2", 0x8080, 0x4040, 0xC0C0), (128, 64, 192)),
        (flat_tiff("u2", 0, 0xFFFF, 0xFFFF, 0, photometric=5), RED),
        (flat_tiff("u1", 128, 20, 236, photometric=8), (140, 108, 154)),
    ],
    ids=range(16),
)
def test_a_tiff_of_wide_or_odd_samples_keeps_its_colour(photo: bytes, shown: tuple[int, ...]) -> None:
    assert near(corners(thumbnail(photo, width=30)), [shown] * 4, within=2)


def test_a_tiff_of_high_dynamic_range_is_cut_off_at_white_and_not_darkened() -> None:
    samples = np.full((48, 64, 1), 0.5, np.float32)
    samples[:12, :16] = 5.0  # a lamp

    made = thumbnail(tiff_of(samples, photometric=1, sample_format=3), width=64)

    assert near(made.getpixel((40, 30)), 128, within=1)
    assert near(made.getpixel((4, 4)), 255, within=1)


@pytest.mark.parametrize(
    "photo",
    [
        flat_tiff("u1", 100, 128, extra=[2]),
        flat_tiff("u1", 50, 128, extra=[1]),
        flat_tiff("u1", 100, 100, 100, 128, extra=[2]),
        flat_tiff("u1", 50, 50, 50, 128, extra=[1]),
        flat_tiff("u2", 25700, 25700, 25700, 32896, extra=[2]),
        flat_tiff("u2", 12850, 12850, 12850, 32896, extra=[1]),
    ],
    ids=["LA", "La", "RGBA", "RGBa", "16-bit RGBA", "16-bit RGBa"],
)
def test_a_tiff_keeps_its_alpha_whether_its_colours_are_multiplied_by_it_or_not(photo: bytes) -> None:
    assert near(thumbnail(photo, width=30).getpixel((9, 9)), (100, 100, 100, 128), within=2)


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


# Adobe RGB (1998) and ROMM RGB (ProPhoto), adapted to D50. Source: B. Lindbloom, "RGB/XYZ Matrices".
ADOBE_RGB = np.array(
    [[0.6097559, 0.2052401, 0.1492240], [0.3111242, 0.6256560, 0.0632197], [0.0194811, 0.0608902, 0.7448387]]
)
PROPHOTO = np.array(
    [[0.7976749, 0.1351917, 0.0313534], [0.2880402, 0.7118741, 0.0000857], [0.0000000, 0.0000000, 0.8252100]]
)


@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize(("space", "gamma"), [(ADOBE_RGB, 2.2), (PROPHOTO, 1.8)], ids=["Adobe RGB", "ProPhoto"])
def test_a_wide_space_with_a_gamma_of_its_own_is_converted(space: np.ndarray, gamma: float, written_as: str) -> None:
    there = np.array([160, 110, 90])
    linear = np.linalg.inv(SRGB) @ space @ (there / 255) ** gamma
    right = 255 * np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    lossless = {"lossless": True} if written_as == "WEBP" else {}

    made = thumbnail(saved(flat("RGB", tuple(there)), written_as, icc_profile=rgb_profile(space, gamma), **lossless))

    assert np.abs(right - there).max() > 6
    assert near(corners(made), [right] * 4, within=4)


def linear_grey_as_srgb(sample: int) -> float:
    return 255 * (1.055 * (sample / 255) ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    "photo",
    [
        saved(flat("L", 99), "JPEG", icc_profile=grey_profile(1)),
        saved(flat("L", 99), "PNG", icc_profile=grey_profile(1)),
        saved(flat("L", 99), "TIFF", icc_profile=grey_profile(1)),
        saved(flat("I;16", 99 * 257), "PNG", icc_profile=grey_profile(1)),
        saved(flat("LA", (99, 255)), "PNG", icc_profile=grey_profile(1)),
        saved(flat("L", 99), "PNG", icc_profile=grey_profile(1), transparency=3),
    ],
    ids=["JPEG", "PNG", "TIFF", "16-bit PNG", "grey and alpha", "grey and a transparent one"],
)
def test_a_profile_of_grey_pixels_is_applied_with_and_without_alpha(photo: bytes) -> None:
    assert near(corners(thumbnail(photo, width=60)), [(linear_grey_as_srgb(99),) * 3] * 4, within=2)


def test_inks_that_are_stored_as_luma_and_chroma_keep_their_colour() -> None:
    red, green, blue = flat("RGB", (0, 255, 255)).convert("YCbCr").split()  # of the inks of red, as if they were RGB
    stored = Image.merge("CMYK", [*(ImageChops.invert(band) for band in (red, green, blue)), flat("L", 0)])
    photo = bytearray(saved(stored, "JPEG", subsampling=0))
    photo[photo.index(b"Adobe") + 11] = 2  # YCCK (Adobe technical note 5116, section 18)

    made = thumbnail(bytes(photo), width=60)

    assert near(corners(made), [RED] * 4, within=4)


LAB_INK = (128, 200, 128)


@pytest.mark.parametrize("written_as", ["JPEG", "TIFF"])
def test_the_profile_of_inks_is_obeyed(written_as: str) -> None:
    photo = saved(flat("CMYK", (0, 0, 0, 255)), written_as, icc_profile=cmyk_profile(LAB_INK))
    lightness = (LAB_INK[0] / 2.55 + 16) / 116
    xyz = np.array([0.9642, 1, 0.8249]) * np.array([lightness + (LAB_INK[1] - 128) / 500, lightness, lightness]) ** 3
    linear = np.linalg.inv(SRGB) @ xyz
    right = 255 * np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)

    assert near(corners(thumbnail(photo, width=60)), [right] * 4, within=3)


def peak_bytes() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def test_a_profile_that_announces_a_huge_table_is_ignored_before_that_is_allocated() -> None:
    profile = bytearray(cmyk_profile(LAB_INK))
    profile[profile.index(b"mft1") + 10] = 66  # points on each of four axes
    photo = saved(flat("CMYK", (0, 255, 255, 0)), "JPEG", icc_profile=bytes(profile))
    render(saved(flat("CMYK", 0), "JPEG"), [RenditionSpec()], LIMITS)
    peak = peak_bytes()

    made = render(photo, [RenditionSpec()], LIMITS)

    assert len(made.notes) == 1
    assert peak_bytes() - peak < 32 << 20


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


@pytest.mark.parametrize(
    ("profile", "noted"),
    [(b"", False), (b"no profile", True), (srgb_profile(), False), (grey_profile(2.2), True)],
    ids=["none", "text", "sRGB", "grey"],
)
def test_an_ignored_profile_is_noted(profile: bytes, *, noted: bool) -> None:
    photo = saved(four_corners(*SIZE), "JPEG", icc_profile=profile)

    made = render(photo, [RenditionSpec(), RenditionSpec(width=50)], LIMITS)

    assert len(made.notes) == noted
    assert all("profile ignored" in note for note in made.notes)


@pytest.mark.parametrize("written_as", Format)
def test_a_thumbnail_has_no_profile_because_it_is_in_srgb(written_as: Format) -> None:
    made = rendition(saved(four_corners(*SIZE), "PNG", icc_profile=display_p3()), format=written_as).data

    assert b"acsp" not in made
    assert not opened(made).info.get("icc_profile")
