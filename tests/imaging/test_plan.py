from dataclasses import replace

import pytest
import pyvips
from hypothesis import assume, example, given
from hypothesis import strategies as st

from raythumbs.imaging.plan import gap_size, plan
from raythumbs.model.photo import Fit, RenditionSpec

SIDE = st.integers(min_value=1, max_value=20_000)
BOX_SIDE = st.integers(min_value=1, max_value=2_000)


def specs(*fits: Fit) -> st.SearchStrategy[RenditionSpec]:
    return st.builds(
        RenditionSpec,
        width=BOX_SIDE,
        height=BOX_SIDE,
        fit=st.sampled_from(fits or list(Fit)),
        enlarge=st.booleans(),
        gap=st.floats(1, 8),
    )


# --- how large a rendition is


@given(width=SIDE, height=SIDE, spec=specs(Fit.INSIDE))
@example(width=10_000, height=1, spec=RenditionSpec())
@example(width=1, height=1, spec=RenditionSpec())
@example(width=1, height=1, spec=RenditionSpec(enlarge=True))
def test_inside_keeps_the_shape_within_the_box_and_touches_it(width: int, height: int, spec: RenditionSpec) -> None:
    way = plan(width, height, spec)

    made_width, made_height = way.size
    assert way.canvas == way.size
    assert way.box == (0, 0, width, height)
    assert 1 <= made_width <= spec.width
    assert 1 <= made_height <= spec.height
    scale = made_width / width if width >= height else made_height / height
    assert abs(made_width - max(1, width * scale)) <= 1
    assert abs(made_height - max(1, height * scale)) <= 1
    assert made_width == spec.width or made_height == spec.height or way.size == (width, height)


@given(*[st.integers(1, 2000)] * 2, *[st.integers(1, 800)] * 2)
def test_inside_is_as_large_as_libvips_makes_it(width: int, height: int, box_width: int, box_height: int) -> None:
    scale = min(box_width / width, box_height / height)
    assume(all(abs(side * scale % 1 - 0.5) > 1e-6 for side in (width, height)))  # where rounding errors decide

    theirs = pyvips.Image.black(width, height).thumbnail_image(box_width, height=box_height, size="down")

    assert plan(width, height, RenditionSpec(width=box_width, height=box_height)).size == (theirs.width, theirs.height)


@given(width=SIDE, height=SIDE, spec=specs(Fit.COVER))
@example(width=10_000, height=1, spec=RenditionSpec(fit=Fit.COVER))
def test_cover_cuts_the_overhang_off_evenly(width: int, height: int, spec: RenditionSpec) -> None:
    way = plan(width, height, spec)

    left, top, right, bottom = way.box
    assert way.canvas == way.size
    assert way.size[0] <= spec.width
    assert way.size[1] <= spec.height
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert left == pytest.approx(width - right, abs=1e-6)
    assert top == pytest.approx(height - bottom, abs=1e-6)
    scale_x, scale_y = way.size[0] / (right - left), way.size[1] / (bottom - top)
    assert abs(scale_x - scale_y) * (right - left) <= 1 or abs(scale_x - scale_y) * (bottom - top) <= 1
    assert way.size == (spec.width, spec.height) or (left, top) == (0, 0) or not spec.enlarge


@given(width=SIDE, height=SIDE, spec=specs(Fit.COVER), across=st.floats(0, 1), down=st.floats(0, 1))
def test_cover_lies_around_its_focus_as_far_as_the_picture_goes(
    width: int, height: int, spec: RenditionSpec, across: float, down: float
) -> None:
    way, centred = plan(width, height, replace(spec, focus=(across, down))), plan(width, height, spec)

    assert (way.size, way.canvas) == (centred.size, centred.canvas)
    for start, end, side, focus in (
        (way.box[0], way.box[2], width, across * width),
        (way.box[1], way.box[3], height, down * height),
    ):
        assert 0 <= start < end <= side
        middle = (start + end) / 2
        assert middle == pytest.approx(focus, abs=1e-6) or start < 1e-6 or end > side - 1e-6
        assert start > 0 or end == side or middle >= focus - 1e-6
        assert end < side or start == 0 or middle <= focus + 1e-6


@given(width=SIDE, height=SIDE, spec=specs(Fit.CONTAIN))
def test_contain_is_inside_on_a_canvas_of_the_exact_size(width: int, height: int, spec: RenditionSpec) -> None:
    way = plan(width, height, spec)

    inside = plan(width, height, RenditionSpec(width=spec.width, height=spec.height, enlarge=spec.enlarge))
    assert way.canvas == (spec.width, spec.height)
    assert (way.box, way.size) == (inside.box, inside.size)


@given(width=SIDE, height=SIDE, spec=specs(Fit.FILL))
def test_fill_takes_the_whole_picture_to_the_exact_size(width: int, height: int, spec: RenditionSpec) -> None:
    way = plan(width, height, spec)

    assert way.box == (0, 0, width, height)
    assert way.size == way.canvas
    assert way.size[0] == (spec.width if spec.enlarge else min(spec.width, width))
    assert way.size[1] == (spec.height if spec.enlarge else min(spec.height, height))


@given(width=SIDE, height=SIDE, spec=specs())
def test_no_picture_is_enlarged_unless_the_spec_says_so(width: int, height: int, spec: RenditionSpec) -> None:
    way = plan(width, height, spec)

    if not spec.enlarge:
        left, top, right, bottom = way.box
        assert way.size[0] <= max(1, right - left + 1e-6)
        assert way.size[1] <= max(1, bottom - top + 1e-6)


@given(width=st.integers(1, 60), height=st.integers(1, 60), fit=st.sampled_from(Fit))
def test_a_spec_that_enlarges_makes_a_small_picture_larger(width: int, height: int, fit: Fit) -> None:
    way = plan(width, height, RenditionSpec(width=60, height=60, fit=fit, enlarge=True))

    assert max(way.canvas) == 60


# --- how large a picture must be decoded


@given(width=SIDE, height=SIDE, wanted=st.lists(specs(), min_size=1, max_size=4))
def test_a_picture_is_decoded_large_enough_for_every_spec(width: int, height: int, wanted: list[RenditionSpec]) -> None:
    least_width, least_height = gap_size(width, height, wanted)

    assert least_width <= width
    assert least_height <= height
    for spec in wanted:
        way = plan(width, height, spec)
        left, top, right, bottom = way.box
        enough_x = least_width >= width or least_width * (right - left) / width >= (way.size[0] - 1) * spec.gap
        enough_y = least_height >= height or least_height * (bottom - top) / height >= (way.size[1] - 1) * spec.gap
        assert enough_x
        assert enough_y
