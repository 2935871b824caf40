from mimetypes import guess_type
from typing import Any

import pytest

from raythumbs.model.photo import Fit, Format, RenditionSpec


@pytest.mark.parametrize("written_as", Format)
def test_a_file_by_its_ending_is_served_as_what_it_is(written_as: Format) -> None:
    name = f"cat.{written_as.extension}"

    guessed, _ = guess_type(name)

    assert (guessed or "image/avif") == written_as.content_type  # Python 3.11 does not know AVIF yet


def test_by_default_a_thumbnail_is_a_jpeg_inside_300_by_300_and_never_enlarged() -> None:
    spec = RenditionSpec()

    assert (spec.width, spec.height, spec.fit, spec.format, spec.enlarge) == (300, 300, Fit.INSIDE, Format.JPEG, False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "Large"}, "the spec name 'Large' is not lower-case letters"),
        ({"name": "../a"}, "'../a'"),
        ({"name": ""}, "''"),
        ({"name": "a" * 65}, "a" * 65),
        ({"width": 0}, "the spec 'thumbnail' needs sides of 1 to 16383 pixels"),
        ({"height": 16_384}, "sides of 1 to"),
        ({"quality": 0}, "quality of 1 to 100"),
        ({"quality": 101}, "quality of 1 to 100"),
        ({"gap": 0.5}, "gap of 1 to 8"),
        ({"gap": float("nan")}, "gap of 1 to 8"),
        ({"focus": (0.5, 1.1)}, "two fractions, 0 to 1"),
        ({"focus": (0.5,)}, "two fractions, 0 to 1"),
    ],
)
def test_a_spec_with_a_value_outside_its_range_fails_its_check(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RenditionSpec(**values).check()


@pytest.mark.parametrize(
    "spec",
    [
        RenditionSpec(),
        RenditionSpec(name="a", width=1, height=1, quality=1, gap=1, focus=(0, 0)),
        RenditionSpec(name="a" * 64, width=16_383, height=16_383, quality=100, gap=8, focus=(1, 1)),
    ],
)
def test_a_spec_at_the_ends_of_its_ranges_passes_its_check(spec: RenditionSpec) -> None:
    spec.check()
