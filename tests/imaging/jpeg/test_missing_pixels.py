import pytest
from PIL import Image

from raythumbs.errors import Truncated
from raythumbs.imaging import render
from raythumbs.model.photo import RenditionSpec
from tests.imaging.pictures import LANCZOS, LIMITS, mean_error, photograph, saved, thumbnail

ENDING = {
    "colour": {},
    "colour in full": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 4},
    "restarts by row": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("way", ENDING)
@pytest.mark.parametrize("side", [30, 110, 300])
def test_a_jpeg_whose_pixels_end_before_its_end_marker_is_truncated(
    way: str, mode: str, part: float, side: int
) -> None:
    file = saved(photograph("sklearn/china.jpg").resize((640, 430)).convert(mode), "JPEG", **ENDING[way])
    scan = file.index(b"\xff\xda") + 14
    cut = scan + int(part * (len(file) - scan))
    ended = file[:cut].rstrip(b"\xff") + b"\xff\xd9"

    with pytest.raises(Truncated):
        render(ended, [RenditionSpec(width=side, height=side)], LIMITS)


@pytest.mark.parametrize("way", ["restarts", "restarts by row"])
def test_a_jpeg_that_ends_at_a_restart_is_truncated_too(way: str) -> None:
    file = saved(photograph("sklearn/china.jpg").resize((640, 430)), "JPEG", **ENDING[way])
    cut = file.index(b"\xff\xd5", file.index(b"\xff\xda"))

    with pytest.raises(Truncated):
        render(file[:cut] + b"\xff\xd9", [RenditionSpec()], LIMITS)


@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_a_progressive_jpeg_whose_first_scan_is_cut_short_is_truncated(part: float) -> None:
    file = saved(photograph("sklearn/china.jpg").resize((640, 430)), "JPEG", progressive=True)
    scan = file.index(b"\xff\xda") + 14
    scan_ends = file.index(b"\xff\xc4", scan)
    ended = file[: scan + int(part * (scan_ends - scan))].rstrip(b"\xff") + b"\xff\xd9"

    with pytest.raises(Truncated):
        render(ended, [RenditionSpec()], LIMITS)


def test_a_progressive_jpeg_of_fewer_scans_than_usual_is_whole() -> None:
    photo = photograph("sklearn/china.jpg").resize((640, 430))
    file = saved(photo, "JPEG", progressive=True)
    after_first = file.index(b"\xff\xc4", file.index(b"\xff\xda"))

    made = thumbnail(file[:after_first] + b"\xff\xd9")

    assert mean_error(made, photo.resize(made.size, LANCZOS)) < 16


@pytest.mark.parametrize("way", [*ENDING, "progressive"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_is_grey_to_its_end_is_whole(way: str, mode: str) -> None:
    grey = (
        Image.new("CMYK", (641, 433), (127, 127, 127, 127))
        if mode == "CMYK"
        else Image.new(mode, (641, 433), "#808080")
    )
    photo = saved(grey, "JPEG", **ENDING.get(way, {"progressive": True}))

    assert max(thumbnail(photo).size) == 300
    assert max(thumbnail(photo + photo).size) == 300
