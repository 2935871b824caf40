"""Pictures to try things on: drawn, or the photographs that scikit-image and scikit-learn bring along."""

from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

from raythumbs.imaging import Limits, RenderedSpec, render
from raythumbs.model.photo import Format, RenditionSpec

pillow_heif.register_heif_opener(thumbnails=False)

LIMITS = Limits()
LANCZOS = Image.Resampling.LANCZOS

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 0)


def saved(picture: Image.Image, written_as: str, **options: Any) -> bytes:
    """The picture as a file."""
    file = BytesIO()
    picture.save(file, written_as, **({"compress_level": 1} | options if written_as == "PNG" else options))
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    """The file as a picture, its pixels read."""
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def rendition(photo: bytes, **spec: Any) -> RenderedSpec:
    """The one rendition of a photo; as PNG, which keeps every pixel, where no format is told."""
    [made] = render(photo, [RenditionSpec(**{"format": Format.PNG} | spec)], LIMITS).renditions
    return made


def thumbnail(photo: bytes, **spec: Any) -> Image.Image:
    """The one rendition of a photo, as a picture."""
    return opened(rendition(photo, **spec).data)


def four_corners(width: int = 120, height: int = 80) -> Image.Image:
    """A picture that is different whichever way it is turned or mirrored: red and green above blue and yellow."""
    quarters = Image.new("RGB", (2, 2))
    quarters.putdata([RED, GREEN, BLUE, YELLOW])
    return quarters.resize((width, height), Image.Resampling.NEAREST)


def corners(picture: Image.Image) -> list[tuple[int, ...]]:
    """The colours amid the four quarters, row by row."""
    rgb = picture.convert("RGB")
    across, down = (rgb.width // 4, rgb.width * 3 // 4), (rgb.height // 4, rgb.height * 3 // 4)
    return [rgb.getpixel((x, y)) for y in down for x in across]


def near(told: Any, right: Any, *, within: float) -> bool:
    """Whether no number is further than that from its right one."""
    return bool(np.abs(np.subtract(told, right, dtype=float)).max() <= within)


def mean_error(told: Image.Image, right: Image.Image) -> float:
    """How far pixels are from the right ones, on average, of 255."""
    assert told.size == right.size
    return float(np.abs(np.subtract(told.convert("RGB"), right.convert("RGB"), dtype=float)).mean())


@cache
def photograph(name: str, *, times: int = 1) -> Image.Image:
    """A real photograph, enlarged so many times."""
    package, _, file = name.partition("/")
    [place] = find_spec(package).submodule_search_locations or []
    folder = {"skimage": "data", "sklearn": "datasets/images"}[package]
    with Image.open(Path(place) / folder / file) as picture:
        rgb = picture.convert("RGB")
    rgb.info.clear()  # its colour profile
    return rgb.resize((rgb.width * times, rgb.height * times), Image.Resampling.BICUBIC) if times > 1 else rgb


PHOTOGRAPHS = (
    "skimage/astronaut.png",
    "skimage/coffee.png",
    "skimage/chelsea.png",
    "skimage/rocket.jpg",
    "sklearn/china.jpg",
    "sklearn/flower.jpg",
)
