from dataclasses import asdict
from functools import cache
from io import BytesIO
from itertools import cycle, product
from typing import Any

import numpy as np
import pytest
from PIL import Image

from raythumbs.imaging import render
from raythumbs.imaging.plan import plan
from raythumbs.imaging.resample import on_canvas
from raythumbs.model.photo import Fit, Format, RenditionSpec
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    LANCZOS,
    LIMITS,
    PHOTOGRAPHS,
    RED,
    YELLOW,
    corners,
    four_corners,
    mean_error,
    near,
    opened,
    photograph,
    rendition,
    saved,
    thumbnail,
)
from tests.pairs import pairs

FORMATS_IN = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"]

# How a picture must be turned so that the orientation turns it back (Exif 2.32, tag 0x0112).
TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@cache
def china(orientation: int, written_as: str, *, times: int = 1) -> bytes:
    """A photograph as a camera writes it that was held so; its sides are no round numbers."""
    photo = photograph("temple", times=times)
    return lying(photo if times > 1 else photo.crop((0, 0, 601, 411)), orientation, written_as)


@cache
def china_thumbnail(written_as: str, *, times: int = 1, **spec: Any) -> Image.Image:
    return thumbnail(china(1, written_as, times=times), **spec)


def lying(picture: Image.Image, orientation: int, written_as: str) -> bytes:
    """The picture as a camera writes it that was held so."""
    turn = TURNED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    told = exif if written_as == "TIFF" else exif.tobytes()
    lossless = {"lossless": True} if written_as == "WEBP" else {}
    return saved(picture.transpose(turn) if turn is not None else picture, written_as, exif=told, **lossless)


# --- upright


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "MPO"])
def test_a_photo_is_upright_however_the_camera_was_held(written_as: str, orientation: int) -> None:
    photo = lying(four_corners(240, 160), orientation, written_as)

    made = render(photo, [RenditionSpec(width=90, height=90, format=Format.PNG)], LIMITS)

    picture = opened(made.renditions[0].data)
    assert (made.width, made.height) == (240, 160)
    assert picture.size == (90, 60)
    assert near(corners(picture), [RED, GREEN, BLUE, YELLOW], within=6)


@pytest.mark.parametrize(
    ("orientation", "fit", "focus"), pairs(list(TURNED), list(Fit), [(0.5, 0.5), (0.1, 0.8), (0.7, 0.0)])
)
def test_all_orientations_show_the_same_pixels(orientation: int, fit: Fit, focus: tuple[float, float]) -> None:
    spec = {"width": 100, "height": 40 if focus[1] == 0 else 90, "fit": fit, "focus": focus}

    made = thumbnail(china(orientation, "PNG"), **spec)

    assert mean_error(made, china_thumbnail("PNG", **spec)) < 2.5


@pytest.mark.parametrize("orientation", TURNED)
def test_all_orientations_of_a_jpeg_show_the_same_pixels_also_where_decoding_is_cut_short(orientation: int) -> None:
    upright = photograph("temple", times=3).crop((0, 0, 1803, 1237))
    right = upright.resize((100, 69), LANCZOS)

    made = thumbnail(lying(upright, orientation, "JPEG"), width=100, height=100)

    assert mean_error(made, right) < 2


def test_a_thumbnail_has_no_orientation() -> None:
    made = rendition(lying(four_corners(), 6, "JPEG"), format=Format.JPEG).data

    assert 0x0112 not in opened(made).getexif()


# --- every format in, every format out


@pytest.mark.parametrize("written_as", Format)
@pytest.mark.parametrize("format_in", FORMATS_IN)
def test_every_format_becomes_every_format(format_in: str, written_as: Format) -> None:
    made = render(saved(four_corners(), format_in), [RenditionSpec(width=60, height=60, format=written_as)], LIMITS)

    [one] = made.renditions
    assert (made.width, made.height, made.format) == (120, 80, format_in.lower())
    assert (one.width, one.height) == (60, 40)
    assert near(corners(opened(one.data)), [RED, GREEN, BLUE, YELLOW], within=12)


@pytest.mark.parametrize("side", [100, 300, 1000])
def test_a_progressive_jpeg_looks_like_its_baseline_twin(side: int) -> None:
    photo = photograph("flower", times=2)

    baseline, progressive = (
        thumbnail(saved(photo, "JPEG", quality=90, progressive=progressive), width=side, height=side)
        for progressive in (False, True)
    )

    assert mean_error(progressive, baseline) < 0.4


@pytest.mark.parametrize("written_as", ["GIF", "WEBP", "PNG", "TIFF", "AVIF", "HEIF", "MPO"])
def test_the_first_of_several_pictures_in_one_file_is_shown(written_as: str) -> None:
    others = [Image.new("RGB", (120, 80), "black"), Image.new("RGB", (120, 80), "white")]
    photo = saved(four_corners(), written_as, save_all=True, append_images=others)
    with Image.open(BytesIO(photo)) as file:
        assert getattr(file, "n_frames", 1) == 3

    made = thumbnail(photo, width=60)

    assert near(corners(made), [RED, GREEN, BLUE, YELLOW], within=6)


def test_a_picture_of_one_pixel_has_a_thumbnail_of_one_pixel() -> None:
    made = thumbnail(saved(Image.new("RGB", (1, 1), "red"), "PNG"))

    assert made.size == (1, 1)
    assert made.getpixel((0, 0)) == RED


@pytest.mark.parametrize(("size", "made"), [((10_000, 1), (300, 1)), ((1, 10_000), (1, 300)), ((5_000, 7), (300, 1))])
@pytest.mark.parametrize("written_as", ["JPEG", "PNG"])
def test_a_line_has_a_thumbnail_that_can_be_seen(size: tuple[int, int], made: tuple[int, int], written_as: str) -> None:
    photo = saved(Image.new("RGB", size, "red"), written_as)

    assert thumbnail(photo).size == made
    assert near(thumbnail(photo).getpixel((0, 0)), RED, within=2)


# --- specs


@pytest.mark.parametrize("values", [{"width": 0}, {"height": 16_384}, {"quality": 101}, {"gap": 0}, {"focus": (0, 2)}])
def test_a_spec_with_a_value_outside_its_range_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the spec 'thumbnail' needs"):
        rendition(saved(four_corners(), "PNG"), **values)


# --- several from one


def test_all_specs_are_rendered_in_their_order() -> None:
    specs = [
        RenditionSpec(name="small", width=40, height=40),
        RenditionSpec(name="large", width=110, height=110, format=Format.WEBP),
        RenditionSpec(name="square", width=60, height=60, fit=Fit.COVER, format=Format.PNG),
        RenditionSpec(name="stretched", width=30, height=70, fit=Fit.FILL, format=Format.AVIF),
    ]

    made = render(saved(four_corners(), "JPEG"), specs, LIMITS).renditions

    assert [one.spec for one in made] == specs
    assert [(one.width, one.height) for one in made] == [(40, 27), (110, 73), (60, 60), (30, 70)]
    for one in made:
        assert opened(one.data).size == (one.width, one.height)
        assert near(corners(opened(one.data)), [RED, GREEN, BLUE, YELLOW], within=12)


BESIDE = list(product([Fit.INSIDE, Fit.CONTAIN, Fit.COVER], Fit, [900, 500, 220, 110]))


@cache
def shown_slowly(spec: RenditionSpec) -> Image.Image:
    way = plan(1280, 854, spec)
    return on_canvas(photograph("temple", times=2).resize(way.size, LANCZOS, way.box), way.canvas)


@pytest.mark.parametrize(
    ("large_fit", "fit", "large_side", "orientation"),
    [(*case, orientation) for case, orientation in zip(BESIDE, cycle([1, 6, 6, 1]))],
)
def test_a_small_rendition_is_as_good_beside_a_large_one_as_alone(
    large_fit: Fit, fit: Fit, large_side: int, orientation: int
) -> None:
    file = china(orientation, "TIFF", times=2)
    small = RenditionSpec(name="small", width=100, height=80, fit=fit, focus=(0.2, 0.2), format=Format.PNG)
    large = RenditionSpec(name="large", width=large_side, height=large_side, fit=large_fit)

    [_, beside] = render(file, [large, small], LIMITS).renditions

    right = shown_slowly(small)
    alone = decibels(china_thumbnail("TIFF", times=2, **asdict(small)), right)
    assert decibels(opened(beside.data), right) > min(50, alone - 0.5)


def test_a_small_rendition_is_not_made_of_one_that_was_enlarged() -> None:
    photo = saved(photograph("cat").resize((150, 100)), "BMP")
    small = RenditionSpec(name="small", width=100, height=80, format=Format.PNG)
    larger = RenditionSpec(name="larger", width=600, height=600, enlarge=True)

    [_, beside] = render(photo, [larger, small], LIMITS).renditions

    assert beside.data == rendition(photo, **asdict(small)).data


# --- fits


def test_inside_shows_the_whole_picture_in_its_own_shape() -> None:
    assert thumbnail(saved(four_corners(), "PNG"), width=60, height=60, fit=Fit.INSIDE).size == (60, 40)


def test_cover_fills_the_box_and_shows_the_middle() -> None:
    picture = Image.new("RGB", (300, 100), "red")
    picture.paste(GREEN, (100, 0, 200, 100))

    made = thumbnail(saved(picture, "PNG"), width=50, height=50, fit=Fit.COVER)

    assert made.size == (50, 50)
    assert near(corners(made), [GREEN] * 4, within=1)


@pytest.mark.parametrize(
    ("focus", "shown"), [(0.0, RED), (0.1, RED), (0.5, GREEN), (0.51, GREEN), (0.9, BLUE), (1.0, BLUE)]
)
@pytest.mark.parametrize("upright", [True, False])
def test_cover_shows_what_its_focus_is_on(focus: float, shown: tuple[int, ...], *, upright: bool) -> None:
    picture = Image.new("RGB", (300, 100), RED)
    picture.paste(GREEN, (100, 0, 200, 100))
    picture.paste(BLUE, (200, 0, 300, 100))
    photo = saved(picture if upright else picture.transpose(Image.Transpose.ROTATE_270), "PNG")

    made = thumbnail(photo, width=50, height=50, fit=Fit.COVER, focus=(focus, 0.5) if upright else (0.5, focus))

    assert made.size == (50, 50)
    assert near(made.getpixel((25, 25)), shown, within=1)


def test_contain_shows_the_whole_picture_amid_white() -> None:
    made = thumbnail(saved(four_corners(), "PNG"), width=60, height=60, fit=Fit.CONTAIN)

    assert made.size == (60, 60)
    assert near(corners(made.crop((0, 10, 60, 50))), [RED, GREEN, BLUE, YELLOW], within=1)
    assert {made.getpixel((x, y)) for x in (0, 59) for y in (0, 9, 50, 59)} == {(255, 255, 255)}


def test_fill_stretches_the_picture() -> None:
    made = thumbnail(saved(four_corners(), "PNG"), width=30, height=70, fit=Fit.FILL)

    assert made.size == (30, 70)
    assert near(corners(made), [RED, GREEN, BLUE, YELLOW], within=1)


@pytest.mark.parametrize(
    ("fit", "size"), [(Fit.INSIDE, (12, 8)), (Fit.COVER, (12, 8)), (Fit.FILL, (12, 8)), (Fit.CONTAIN, (300, 300))]
)
def test_a_small_picture_is_not_enlarged(fit: Fit, size: tuple[int, int]) -> None:
    photo = saved(four_corners(12, 8), "PNG")

    made = thumbnail(photo, fit=fit)

    assert made.size == size
    middle = made.crop(((made.width - 12) // 2, (made.height - 8) // 2, (made.width + 12) // 2, (made.height + 8) // 2))
    assert middle.tobytes() == four_corners(12, 8).tobytes()


@pytest.mark.parametrize("fit", Fit)
def test_a_small_picture_is_enlarged_if_the_spec_says_so(fit: Fit) -> None:
    made = thumbnail(saved(four_corners(12, 8), "PNG"), width=60, height=60, fit=fit, enlarge=True)

    assert max(made.size) == 60


# --- as good as the slow way


@pytest.mark.parametrize("side", [200, 300, 720])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_fast_way_looks_like_a_full_decode_and_lanczos(name: str, side: int) -> None:
    photo = saved(photograph(name, times=3), "JPEG", quality=90)

    made = thumbnail(photo, width=side, height=side)

    right = opened(photo).resize(made.size, LANCZOS)
    assert mean_error(made, right) < 1
    assert decibels(made, right) > 44


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_with_a_smaller_gap_less_is_decoded_and_it_still_looks_like_the_slow_way(name: str) -> None:
    photo = saved(photograph(name, times=3), "JPEG", quality=90)
    side = max(opened(photo).size) // 6  # at 1/4 that is a gap of 1.5, or a little less

    true, fast = (thumbnail(photo, width=side, height=side, gap=gap) for gap in (2.0, 1.4))

    right = opened(photo).resize(true.size, LANCZOS)
    assert decibels(true, right) > decibels(fast, right) > 38


@pytest.mark.parametrize("size", [(1280, 854), (1281, 855), (1287, 861), (1283, 850)])
def test_a_jpeg_is_not_shifted_where_its_sides_are_no_multiple_of_the_decoders_scale(size: tuple[int, int]) -> None:
    photo = saved(photograph("temple", times=3).crop((0, 0, *size)), "JPEG", quality=95)

    for fit in Fit:
        made = thumbnail(photo, width=100, height=100, fit=fit)
        slow = thumbnail(saved(opened(photo), "BMP"), width=100, height=100, fit=fit)

        assert mean_error(made, slow) < 1.5


@pytest.mark.parametrize("written_as", ["PNG", "WEBP", "TIFF"])
def test_other_formats_look_like_lanczos_too(written_as: str) -> None:
    picture = photograph("temple")
    lossless = {"lossless": True, "method": 0} if written_as == "WEBP" else {}

    made = thumbnail(saved(picture, written_as, **lossless))

    assert mean_error(made, picture.resize(made.size, LANCZOS)) < 1


def decibels(told: Image.Image, right: Image.Image) -> float:
    """The peak signal-to-noise ratio."""
    squares = np.square(np.subtract(told, right, dtype=float)).mean()
    return float(10 * np.log10(255**2 / squares)) if squares else 100.0
