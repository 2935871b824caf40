import pytest

from raythumbs.errors import TooLarge
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec
from tests.imaging.pictures import four_corners, saved


def test_a_large_jpeg_needs_only_the_memory_of_what_is_decoded_of_it() -> None:
    photo = saved(four_corners(4000, 3000), "JPEG")
    scarce = Limits(decode_bytes=4 * 1000 * 750 * 3)

    made = render(photo, [RenditionSpec()], scarce)

    assert (made.width, made.height) == (4000, 3000)
    with pytest.raises(TooLarge):
        render(photo, [RenditionSpec(width=1000, height=1000)], scarce)
