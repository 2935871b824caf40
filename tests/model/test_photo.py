from mimetypes import guess_type

import pytest

from raythumbs.model.photo import Fit, Format, RenditionSpec


@pytest.mark.parametrize("written_as", Format)
def test_a_file_by_its_ending_is_served_as_what_it_is(written_as: Format) -> None:
    name = f"cat.{written_as.extension}"

    guessed, _ = guess_type(name)

    assert (guessed or "image/avif") == written_as.content_type  # Python 3.11 does not know AVIF yet


def test_unless_told_otherwise_a_thumbnail_is_a_jpeg_inside_300_by_300_and_never_enlarged() -> None:
    spec = RenditionSpec()

    assert (spec.width, spec.height, spec.fit, spec.format, spec.enlarge) == (300, 300, Fit.INSIDE, Format.JPEG, False)
