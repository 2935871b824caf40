"""Colours that a file names by number, with no profile: they look as they do in sRGB."""

import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from raythumbs.imaging import Rendered, render
from raythumbs.imaging.colourspace import DESCRIPTION_IGNORED, TONE_MAPPED
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.code_points import (
    GAMMA22,
    GAMMA28,
    HLG,
    LINEAR,
    PQ,
    SIZE,
    SRGB_CURVE,
    WRITERS,
    as_samples,
    avif,
    chunk,
    eight_bits,
    encoded_srgb,
    flat,
    heic,
    hlg,
    png,
    pq,
)
from tests.imaging.pictures import LIMITS, near, opened, png_rows, profile_of, saved
from tests.imaging.test_colour import red_and_green_swapped
from tests.pairs import pairs

RED, MUTED, GREEN, GREY = (220, 30, 30), (150, 110, 90), (60, 120, 40), (128, 128, 128)


def rendered(photo: bytes) -> Rendered:
    return render(photo, [RenditionSpec(width=32, height=24, format=Format.PNG)], LIMITS)


def shown(photo: bytes) -> tuple[int, ...]:
    return tuple(opened(rendered(photo).renditions[0].data).convert("RGB").getpixel((9, 9)))


# --- standard dynamic range


SPACES = [(12, SRGB_CURVE), (9, SRGB_CURVE), (9, 14), (6, SRGB_CURVE), (5, SRGB_CURVE), (1, GAMMA22), (12, GAMMA28)]


@pytest.mark.parametrize(
    ("writer", "colour", "space"), pairs(list(WRITERS), [RED, MUTED, GREEN, GREY, (255, 255, 255)], SPACES), ids=str
)
def test_a_colour_in_another_space_looks_as_it_does_in_srgb(
    writer: str, colour: tuple[int, int, int], space: tuple[int, int]
) -> None:
    primaries, transfer = space
    photo = WRITERS[writer](as_samples(colour, primaries, transfer), primaries, transfer)

    made = rendered(photo)

    assert near(opened(made.renditions[0].data).getpixel((9, 9)), colour, within=4)
    assert made.notes == ()


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("numbers", [(1, 13), (2, 2), (1, 1), (1, 6), (2, 13)], ids=str)
def test_the_numbers_of_srgb_and_of_television_leave_colours_as_they_are(writer: str, numbers: tuple[int, int]) -> None:
    photo = WRITERS[writer](tuple(value / 255 for value in MUTED), *numbers)

    assert near(shown(photo), MUTED, within=1)


def test_samples_in_linear_light_are_made_brighter() -> None:
    assert near(shown(png(as_samples(MUTED, 1, LINEAR), 1, LINEAR)), MUTED, within=2)


# --- high dynamic range


DARK = [(150, 20, 20), MUTED, GREEN, GREY, (20, 20, 24), (0, 0, 0)]


@pytest.mark.parametrize(("writer", "colour", "transfer"), pairs(list(WRITERS), DARK, [PQ, HLG]), ids=str)
def test_colours_of_up_to_half_of_white_look_as_they_do_in_srgb(
    writer: str, colour: tuple[int, int, int], transfer: int
) -> None:
    photo = WRITERS[writer](as_samples(colour, 9, transfer), 9, transfer)

    made = rendered(photo)

    assert near(opened(made.renditions[0].data).getpixel((9, 9)), colour, within=8)
    assert made.notes == (TONE_MAPPED,)


@pytest.mark.parametrize("transfer", [PQ, HLG], ids=["PQ", "HLG"])
def test_highlights_of_up_to_a_thousand_candelas_keep_their_order(transfer: int) -> None:
    encoded = pq if transfer == PQ else hlg
    light = [0.1, 1, 20, 90, 150, 203, 300, 500, 1000]

    greys = [shown(png(tuple(encoded(np.full(3, one))), 9, transfer))[0] for one in light]

    assert sorted(set(greys)) == greys
    assert near(greys[5], 229, within=3)  # the white of a page
    assert greys[-1] == 255


def test_light_is_mapped_by_the_curve_of_bt_2390() -> None:
    top, white = (float(pq(np.array(light))) for light in (1000, 203))
    knee = 1.5 * white / top - 0.5
    share = float(pq(np.array(400))) / top
    t = (share - knee) / (1 - knee)
    mapped = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * white / top
    right = np.interp(mapped * top, pq(np.linspace(0, 203, 100_000)), np.linspace(0, 1, 100_000))

    made = shown(png(tuple(pq(np.full(3, 400.0))), 9, PQ))

    assert near(made, [encoded_srgb(right)] * 3, within=1)


@pytest.mark.parametrize("transfer", [PQ, HLG], ids=["PQ", "HLG"])
def test_a_profile_that_names_high_dynamic_range_is_tone_mapped_as_well(transfer: int) -> None:
    named = profile_of(b"RGB ", {b"cicp": b"cicp" + bytes(4) + bytes([9, transfer, 0, 1])})
    photo = saved(flat(as_samples(MUTED, 9, transfer)), "PNG", icc_profile=named)

    assert near(shown(photo), MUTED, within=4)
    assert rendered(photo).notes == (TONE_MAPPED,)


# --- modes


@pytest.mark.parametrize(("transfer", "right"), [(LINEAR, 188), (PQ, 135), (HLG, 131), (SRGB_CURVE, 128)])
@pytest.mark.parametrize("colour_type", [0, 4], ids=["grey", "grey and alpha"])
@pytest.mark.parametrize("depth", [8, 16])
def test_greys_are_converted_with_and_without_alpha(transfer: int, right: int, colour_type: int, depth: int) -> None:
    sample = struct.pack(">H", 0x8080)[: depth // 8]
    row = (sample + b"\xff" * (depth // 8) if colour_type == 4 else sample) * SIZE[0]

    made = shown(png_rows(row, SIZE, chunk(9, transfer), colour_type=colour_type, depth=depth))

    in_colour = shown(png_rows(sample * 3 * SIZE[0], SIZE, chunk(9, transfer), colour_type=2, depth=depth))
    assert near(made, in_colour, within=1)
    assert transfer not in {LINEAR, SRGB_CURVE} or near(made, [right] * 3, within=1)


@pytest.mark.parametrize("transfer", [SRGB_CURVE, PQ, HLG])
def test_alpha_stays_and_colours_are_converted(transfer: int) -> None:
    row = (eight_bits(as_samples(MUTED, 12, transfer)) + b"\x80") * SIZE[0]

    photo = png_rows(row, SIZE, chunk(12, transfer), colour_type=6, depth=8)

    made = opened(rendered(photo).renditions[0].data).getpixel((9, 9))
    assert near(made, (*MUTED, 128), within=4)


def test_the_colours_of_a_palette_are_converted() -> None:
    palette = (b"PLTE", eight_bits(as_samples(MUTED, 12, SRGB_CURVE)))
    photo = png_rows(bytes(SIZE[0]), SIZE, chunk(12, SRGB_CURVE), palette, colour_type=3, depth=8)

    assert near(shown(photo), MUTED, within=2)


# --- which description counts


@pytest.mark.parametrize("writer", [avif, heic], ids=["AVIF", "HEIC"])
def test_the_profile_of_an_avif_and_of_a_heic_counts_more_than_its_numbers(writer: Callable[..., bytes]) -> None:
    samples = tuple(value / 255 for value in MUTED)
    written_as = "AVIF" if writer is avif else "HEIF"
    options = {"quality": 100, "subsampling": "4:4:4"} if writer is avif else {"quality": -1, "chroma": 444}
    named = {} if writer is avif else {"color_primaries": 9, "transfer_characteristics": PQ}
    photo = saved(flat(samples), written_as, icc_profile=red_and_green_swapped(), **options, **named)
    photo = photo.replace(b"nclx" + struct.pack(">HH", 1, 13), b"nclx" + struct.pack(">HH", 9, PQ))

    made = rendered(photo)

    red, green, _ = opened(made.renditions[0].data).getpixel((9, 9))
    assert green > red
    assert made.notes == ()


def test_the_numbers_of_a_png_count_more_than_its_profile_and_its_gamma() -> None:
    picture = flat(as_samples(MUTED, 12, SRGB_CURVE))
    photo = saved(picture, "PNG", icc_profile=red_and_green_swapped())
    end_of_header = 33
    numbers = png(as_samples(MUTED, 12, SRGB_CURVE), 12, SRGB_CURVE)[end_of_header : end_of_header + 16]

    assert near(shown(photo[:end_of_header] + numbers + photo[end_of_header:]), MUTED, within=2)
    assert not near(shown(photo), MUTED, within=20)


@pytest.mark.parametrize("numbers", [(0, 13), (3, 16), (200, 1), (1, 0), (1, 9), (12, 255)], ids=str)
@pytest.mark.parametrize("writer", ["PNG", "AVIF"])
def test_unknown_numbers_are_noted_and_taken_for_srgb(writer: str, numbers: tuple[int, int]) -> None:
    made = rendered(WRITERS[writer](tuple(value / 255 for value in MUTED), *numbers))

    assert near(opened(made.renditions[0].data).getpixel((9, 9)), MUTED, within=1)
    assert made.notes == (DESCRIPTION_IGNORED,)


@pytest.mark.parametrize("data", [(), (12,), (12, 13, 0), (12, 13, 0, 0), (12, 13, 9, 1)], ids=str)
def test_a_chunk_that_is_cut_or_of_a_videos_samples_is_noted(data: tuple[int, ...]) -> None:
    photo = png_rows(bytes(MUTED) * SIZE[0], SIZE, (b"cICP", bytes(data)), colour_type=2, depth=8)

    made = rendered(photo)

    assert near(opened(made.renditions[0].data).getpixel((9, 9)), MUTED, within=1)
    assert len(made.notes) == 1


def test_a_photo_without_any_description_is_taken_for_srgb() -> None:
    assert shown(saved(Image.new("RGB", SIZE, MUTED), "PNG")) == MUTED


def test_a_sandboxed_child_can_tone_map(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(as_samples(MUTED, 9, HLG), 9, HLG))

    spec = RenditionSpec(width=32, height=24, format=Format.PNG)
    with closing(Sandbox([spec], LIMITS)) as sandbox, photo.open("rb") as file:
        made, _ = sandbox.render(file, seconds=30)

    assert near(opened(made.renditions[0].data).getpixel((9, 9)), MUTED, within=4)
    assert made.notes == (TONE_MAPPED,)
