from io import BytesIO
from math import log

import pytest

from raythumbs.bench.equal_score import SIZES, equal_scores, log_bytes_at
from raythumbs.bench.report import BenchFailed
from raythumbs.bench.thumbnailers import QUALITY, Made, Thumbnailer
from raythumbs.model.photo import Format
from tests.imaging.pictures import opened, photograph, saved

pytestmark = pytest.mark.needs("time", "packages")

PHOTO = saved(photograph("astronaut"), "PNG")


def contestant(name: str, *, share: float) -> Thumbnailer:
    """Writes plain JPEGs; `share` of the quality that it is asked for."""

    def thumbnail(photo: bytes, pixels: int, written_as: Format, *, quality: int = QUALITY) -> Made:
        if photo != PHOTO:
            raise BenchFailed("no picture")
        picture = opened(photo)
        picture.thumbnail((min(pixels, 320),) * 2)
        file = BytesIO()
        picture.save(file, written_as.value.upper(), quality=round(quality * share))
        return Made(file.getvalue(), 1.0)

    return Thumbnailer(name, "1", thumbnail)


@pytest.mark.parametrize("share", [1.0, 0.95])
def test_the_same_encoder_takes_the_same_bytes_at_equal_score_whatever_its_qualities_are_called(share: float) -> None:
    rows = equal_scores(contestant("ours", share=1), contestant("rival", share=share), [PHOTO])

    assert [row.target_pixels for row in rows] == list(SIZES)
    assert all(row.bytes_ratio == pytest.approx(1, abs=0.03) for row in rows)


def test_a_photo_that_cannot_be_read_is_left_out() -> None:
    rows = equal_scores(contestant("ours", share=1), contestant("rival", share=1), [PHOTO, b"no picture"])

    assert [row.photographs for row in rows] == [1, 1]


@pytest.mark.parametrize(
    ("score", "size"), [(50, 1000), (55, 2000**0.5 * 1000**0.5), (60, 2000), (70, 8000), (75, 16000)]
)
def test_bytes_lie_on_a_line_between_the_nearest_scores_and_beyond_the_last(score: float, size: float) -> None:
    curve = [(70.0, log(8000)), (50.0, log(1000)), (60.0, log(2000))]

    assert log_bytes_at(curve, score) == pytest.approx(log(size))
