"""Colours that a PNG describes by gamma and chromaticities, and a BMP in its header."""

import struct

import numpy as np
import pytest
from PIL import Image

from raythumbs.imaging import Rendered, render
from raythumbs.imaging.colourspace import DESCRIPTION_IGNORED
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.code_points import CHROMATICITIES, SIZE, decoded_srgb, eight_bits, encoded_srgb, to_xyz
from tests.imaging.pictures import LIMITS, near, opened, png_rows, saved
from tests.imaging.test_colour import red_and_green_swapped

COLOURS = [(220, 30, 30), (150, 110, 90), (60, 120, 40), (128, 128, 128), (255, 255, 255)]
MUTED = (150, 110, 90)
SRGB = (b"sRGB", b"\0")


def rendered(photo: bytes) -> Rendered:
    return render(photo, [RenditionSpec(width=32, height=24, format=Format.PNG)], LIMITS)


def shown(photo: bytes) -> tuple[int, ...]:
    return tuple(opened(rendered(photo).renditions[0].data).convert("RGB").getpixel((9, 9)))


def samples(colour: tuple[int, ...], space: int, gamma: float) -> bytes:
    """The samples of an sRGB colour in a space of that gamma."""
    change = np.linalg.inv(to_xyz(CHROMATICITIES[space])) @ to_xyz(CHROMATICITIES[1])
    return eight_bits(tuple(np.clip(change @ decoded_srgb(colour), 0, 1) ** (1 / gamma)))


# --- PNG


def gama(value: int) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", value)


def chrm(space: int) -> tuple[bytes, bytes]:
    red, green, blue, white = CHROMATICITIES[space]
    values = [round(value * 100_000) for point in (white, red, green, blue) for value in point]
    return b"cHRM", struct.pack(">8I", *values)


def png(row: bytes, *chunks: tuple[bytes, bytes], colour_type: int = 2) -> bytes:
    return png_rows(row * SIZE[0], SIZE, *chunks, colour_type=colour_type, depth=8)


@pytest.mark.parametrize("colour", COLOURS, ids=str)
@pytest.mark.parametrize("space", [1, 6, 9, 12])
@pytest.mark.parametrize("gamma", [2.2, 1.8, 1.0])
def test_a_pngs_gamma_and_chromaticities_are_applied(colour: tuple[int, ...], space: int, gamma: float) -> None:
    photo = png(samples(colour, space, gamma), gama(round(100_000 / gamma)), chrm(space))

    assert near(shown(photo), colour, within=4)


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.8])
def test_a_gamma_alone_is_applied_with_the_primaries_of_srgb(gamma: float) -> None:
    assert near(shown(png(samples(MUTED, 1, gamma), gama(round(100_000 / gamma)))), MUTED, within=3)


def test_chromaticities_alone_are_applied_with_the_curve_of_srgb() -> None:
    change = np.linalg.inv(to_xyz(CHROMATICITIES[12])) @ to_xyz(CHROMATICITIES[1])
    stored = eight_bits(tuple(encoded_srgb(change @ decoded_srgb(MUTED)) / 255))

    assert near(shown(png(stored, chrm(12))), MUTED, within=2)


@pytest.mark.parametrize("value", [45455, 45454, 45000, 46000])
def test_the_usual_gamma_alone_means_srgb(value: int) -> None:
    assert shown(png(bytes(MUTED), gama(value))) == MUTED


def test_the_chunk_srgb_counts_more_than_gamma_and_chromaticities() -> None:
    assert shown(png(bytes(MUTED), SRGB, gama(100_000), chrm(9))) == MUTED


@pytest.mark.parametrize("colour_type", [0, 4], ids=["grey", "grey and alpha"])
def test_greys_have_a_gamma_too(colour_type: int) -> None:
    row = bytes([99]) if colour_type == 0 else bytes([99, 255])

    made = shown(png(row, gama(100_000), chrm(9), colour_type=colour_type))

    assert near(made, [encoded_srgb(np.array(99 / 255))] * 3, within=1)


def test_a_palette_and_alpha_have_a_gamma_too() -> None:
    palette = (b"PLTE", samples(MUTED, 12, 1.8)), (b"tRNS", b"\x80")

    made = rendered(png(b"\0", gama(55_556), chrm(12), *palette, colour_type=3))

    assert near(opened(made.renditions[0].data).getpixel((9, 9)), (*MUTED, 128), within=3)


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(0)],
        [gama(1), chrm(1)],
        [gama(4_294_967_295)],
        [gama(55_556), (b"cHRM", bytes(32))],
        [gama(55_556), (b"cHRM", b"\xff" * 32)],
        [(b"cHRM", struct.pack(">8I", *[31270, 32900] * 4))],
        [(b"cHRM", struct.pack(">8I", 31270, 1, 64000, 1, 30000, 60000, 15000, 6000))],
    ],
    ids=range(7),
)
def test_impossible_values_are_noted_and_left_out(chunks: list[tuple[bytes, bytes]]) -> None:
    made = rendered(png(bytes(MUTED), *chunks))

    assert near(opened(made.renditions[0].data).getpixel((9, 9)), MUTED, within=0)
    assert made.notes == (DESCRIPTION_IGNORED,)


# --- BMP


CALIBRATED, EMBEDDED, LINKED, WINDOWS = 0, 0x4D424544, 0x4C494E4B, 0x57696E20


def bmp(row: bytes, kind: int, calibration: bytes = bytes(48), *, profile: bytes = b"", size: int = 124) -> bytes:
    """A BMP of 24 bits a pixel with a header of 108 or 124 bytes (BITMAPV4HEADER, BITMAPV5HEADER)."""
    width, height = SIZE
    pixels = row[::-1] * width * height
    header = struct.pack("<IiiHHIIiiII16xI", size, width, height, 1, 24, 0, len(pixels), 2835, 2835, 0, 0, kind)
    header += calibration
    if size == 124:
        header += struct.pack("<4I", 4, size + len(pixels), len(profile), 0)
    begin = 14 + len(header)
    file = struct.pack("<2sIHHI", b"BM", begin + len(pixels) + len(profile), 0, 0, begin)
    return file + header + pixels + profile


def calibrated(endpoints: object, gammas: object) -> bytes:
    """The XYZ of red, green and blue, and their gammas (CIEXYZTRIPLE and fixed-point numbers)."""
    fixed = (round(value * (1 << 30)) for value in np.ravel(endpoints))  # type: ignore[arg-type]
    return struct.pack("<9i3I", *fixed, *(round(gamma * 65536) for gamma in gammas))  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [108, 124])
@pytest.mark.parametrize("space", [1, 9, 12])
@pytest.mark.parametrize("as_light", [True, False], ids=["XYZ", "chromaticities"])
def test_the_calibrated_colours_of_a_bmp_are_applied(space: int, size: int, *, as_light: bool) -> None:
    gammas = (1.8, 2.2, 2.6)
    points = [(x, y, 1 - x - y) for x, y in CHROMATICITIES[space][:3]]
    endpoints = to_xyz(CHROMATICITIES[space]).T if as_light else points
    row = bytes(samples(MUTED, space, gamma)[at] for at, gamma in enumerate(gammas))

    photo = bmp(row, CALIBRATED, calibrated(endpoints, gammas), size=size)

    assert near(shown(photo), MUTED, within=3)


@pytest.mark.parametrize("kind", [CALIBRATED, WINDOWS, 0x73524742])
def test_a_bmp_without_values_is_taken_for_srgb(kind: int) -> None:
    made = rendered(bmp(bytes(MUTED), kind))

    assert near(opened(made.renditions[0].data).getpixel((9, 9)), MUTED, within=0)
    assert made.notes == ()


def test_the_profile_in_a_bmp_is_applied() -> None:
    red, green, _ = shown(bmp(bytes(MUTED), EMBEDDED, profile=red_and_green_swapped()))

    assert green > red


def test_a_broken_profile_in_a_bmp_is_noted() -> None:
    made = rendered(bmp(bytes(MUTED), EMBEDDED, profile=b"no profile"))

    assert opened(made.renditions[0].data).getpixel((9, 9)) == MUTED
    assert len(made.notes) == 1


@pytest.mark.parametrize(
    ("kind", "endpoints"),
    [(LINKED, (0.0,) * 9), (CALIBRATED, (0.3,) * 9), (CALIBRATED, (-0.5, -0.5, -0.5, 1, 1, 1, 1, 1, 1))],
    ids=["linked", "no space", "negative"],
)
def test_a_bmps_colours_that_are_elsewhere_or_impossible_are_noted(kind: int, endpoints: tuple[float, ...]) -> None:
    made = rendered(bmp(bytes(MUTED), kind, calibrated(endpoints, (1, 1, 1))))

    assert opened(made.renditions[0].data).getpixel((9, 9)) == MUTED
    assert made.notes == (DESCRIPTION_IGNORED,)


def test_an_older_bmp_has_no_colours_to_read() -> None:
    picture = Image.new("RGB", SIZE, MUTED)

    assert shown(saved(picture, "BMP")) == MUTED
