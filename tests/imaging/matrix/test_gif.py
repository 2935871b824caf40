"""Every kind of GIF is shown as libvips shows it: colours, interlace, transparency, the frame's place."""

import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.imaging.matrix.second_decoder import difference, shown_by_libvips, shown_by_us
from tests.imaging.mend.test_gif import framed
from tests.imaging.pictures import photograph, saved


def colours(count: int, *, mode: str = "RGB") -> Image.Image:
    return photograph("temple").resize((83, 59)).convert(mode).quantize(count)


def gif(count: int, **options: Any) -> bytes:
    return saved(colours(count), "GIF", **options)


@pytest.mark.parametrize(
    ("count", "interlace", "clear"), list(itertools.product([2, 3, 16, 64, 255, 256], [0, 1], [None, 0, 1]))
)
def test_each_kind_of_gif_is_shown_alike(count: int, interlace: int, clear: int | None) -> None:
    options = {} if clear is None else {"transparency": clear}

    assert difference(gif(count, interlace=interlace, **options)) == 0


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_grey_gif_is_shown_alike(interlace: int) -> None:
    grey = photograph("temple").resize((83, 59)).convert("L")

    assert difference(saved(grey, "GIF", interlace=interlace)) == 0


@pytest.mark.parametrize("clear", [None, 0, 1])
def test_the_first_frame_of_an_animation_is_shown_alike(clear: int | None) -> None:
    options = {} if clear is None else {"transparency": clear}
    frames = {"save_all": True, "append_images": [Image.new("P", (83, 59), 3)], "disposal": 2}

    assert difference(gif(16, **frames, **options)) == 0


@pytest.mark.parametrize(("left", "top"), [(0, 0), (9, 0), (0, 7), (9, 7), (17, 13)])
def test_a_first_frame_that_is_smaller_than_the_canvas_is_shown_alike(left: int, top: int) -> None:
    photo = framed(colours(16), left=left, top=top, canvas=(100, 72))

    ours, theirs = (shown[top : top + 59, left : left + 83] for shown in (shown_by_us(photo), shown_by_libvips(photo)))

    assert np.array_equal(ours, theirs)  # the margin is black in libvips, and transparent in browsers
