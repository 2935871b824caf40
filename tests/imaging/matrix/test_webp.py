"""Every kind of WebP is shown as libvips shows it: lossy or not, alpha, frames, orientation."""

import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.imaging.matrix.second_decoder import difference
from tests.imaging.pictures import photograph, saved

WAYS: dict[str, dict[str, Any]] = {
    "lossy": {"quality": 90},
    "lossless": {"lossless": True},
    "frames": {"quality": 90, "save_all": True, "append_images": [Image.new("RGBA", (83, 59), "red")]},
    "lossless frames": {"lossless": True, "save_all": True, "append_images": [Image.new("RGBA", (83, 59), "red")]},
}


def photo(alpha: str) -> Image.Image:
    picture = photograph("temple").resize((83, 59))
    down, across = np.mgrid[0:59, 0:83]
    kinds = {"soft": (down * 4 + across) % 256, "hard": (across > 40) * 255, "nothing": down * 0}
    if alpha in kinds:
        picture.putalpha(Image.fromarray(kinds[alpha].astype(np.uint8)))
    return picture


@pytest.mark.parametrize(("way", "alpha"), list(itertools.product(WAYS, ["none", "soft", "hard", "nothing"])))
def test_each_kind_of_webp_is_shown_alike(way: str, alpha: str) -> None:
    assert difference(saved(photo(alpha), "WEBP", **WAYS[way])) <= 2


@pytest.mark.parametrize(("alpha", "turn"), list(itertools.product(["none", "soft"], range(1, 9))))
def test_each_orientation_of_a_webp_is_shown_alike(alpha: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn

    assert difference(saved(photo(alpha), "WEBP", lossless=True, exif=exif)) <= 1
