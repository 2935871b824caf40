import pytest

from raythumbs.errors import TooLarge
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import RenditionSpec
from tests.imaging.pictures import four_corners, saved


@pytest.mark.parametrize(
    "way", [{"progressive": True}, {"progressive": True, "subsampling": 0}], ids=["4:2:0", "4:4:4"]
)
def test_a_progressive_jpeg_needs_the_memory_of_its_coefficients_however_small_it_is_decoded(way: dict) -> None:
    samples = 4000 * 3000 * (3 if "subsampling" in way else 1.5)
    photo = saved(four_corners(4000, 3000), "JPEG", **way)

    with pytest.raises(TooLarge):
        render(photo, [RenditionSpec()], Limits(decode_bytes=int(samples * 2)))
    render(photo, [RenditionSpec()], Limits(decode_bytes=int(samples * 2.5)))
