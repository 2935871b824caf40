import pytest
from PIL import Image

from raythumbs.imaging.resample import on_canvas, resample
from tests.imaging.pictures import LANCZOS, mean_error, near, photograph


def test_a_picture_that_has_its_size_already_is_not_touched() -> None:
    picture = photograph("flower").crop((0, 0, 300, 200))

    assert resample(picture, (300, 200), (0.0, 0.0, 300.0, 200.0)) is picture


@pytest.mark.parametrize("size", [(300, 200), (150, 100), (40, 27)])
def test_resampling_in_two_steps_looks_like_lanczos_alone(size: tuple[int, int]) -> None:
    picture = photograph("temple")

    told = resample(picture, size, (0.0, 0.0, *map(float, picture.size)))

    assert mean_error(told, picture.resize(size, LANCZOS)) < 1.5


def test_colours_under_alpha_do_not_bleed() -> None:
    picture = Image.new("RGBA", (400, 400), (255, 0, 0, 0))  # red, but nobody sees it
    picture.paste((0, 0, 255, 255), (133, 0, 400, 400))

    made = resample(picture, (50, 50), (0.0, 0.0, 400.0, 400.0))

    seen = [made.getpixel((x, 25)) for x in range(50)]
    assert {colour[3] for colour in seen} > {0, 255}
    assert all(near(colour[:3], (0, 0, 255), within=1) for colour in seen if colour[3] > 8)


@pytest.mark.parametrize(("mode", "ground"), [("L", 255), ("RGB", (255, 255, 255)), ("RGBA", (255, 255, 255, 0))])
def test_a_canvas_is_transparent_for_a_picture_with_alpha_and_else_white(mode: str, ground: object) -> None:
    picture = Image.new(mode, (10, 20))

    laid = on_canvas(picture, (30, 20))

    assert laid.size == (30, 20)
    assert laid.getpixel((0, 10)) == laid.getpixel((29, 10)) == ground
    assert laid.crop((10, 0, 20, 20)).tobytes() == picture.tobytes()
