"""Photo-like pictures, drawn: each different, with broad colour, edges and a camera's grain. No downloads."""

import math
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageEnhance

_ASPECT = 4 / 3
_PIXELS_PER_MB = 12_000_000 / 5  # a camera's JPEG: 12 MP are about 5 MB
_WEB_PIXELS, _WEB_PIXELS_PER_MB = 1600 * 1200, 1600 * 1200 / 0.3  # what messengers and the web make of it
_QUALITY = 88
_COLOUR = 0.4  # of what is drawn: then Cb and Cr deviate by 10 to 23, as in photographs (6 to 32, median 14 in seven)
_SAMPLE = 0.2  # of each side: the sample on which the grain is tuned

Size = tuple[int, int]


def draw_photo(seed: int, size_mb: float) -> bytes:
    """Return a JPEG of about that many MB; each seed gives another picture."""
    chance = random.Random(seed)  # noqa: S311 pictures, not secrets
    pixels = max(size_mb * _PIXELS_PER_MB, min(size_mb * _WEB_PIXELS_PER_MB, _WEB_PIXELS))
    height = max(64, round(math.sqrt(pixels / _ASPECT)))
    size = (round(height * _ASPECT), height)
    scene = _scene(chance, size)
    grain = ImageChops.offset(_grain(size), chance.randrange(size[0]), chance.randrange(size[1]))
    return _encoded(_grained(scene, grain, _strength(scene, grain, size_mb)))


def draw_photos(folder: Path, *, count: int, size_mb: float, processes: int) -> Iterator[Path]:
    """Draw so many photos into a folder, with so many processes; yield each as it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        names = [folder / f"photo-{number:05d}.jpg" for number in range(count)]
        yield from pool.map(_draw_into, names, range(count), [size_mb] * count)


def _draw_into(path: Path, seed: int, size_mb: float) -> Path:
    path.write_bytes(draw_photo(seed, size_mb))
    return path


def _scene(chance: random.Random, size: Size) -> Image.Image:
    """Draw sky to ground, some hills, many things with edges, and soft texture over all."""
    bands = [Image.linear_gradient("L").rotate(chance.choice((0, 90, 180, 270))).resize(size) for _ in range(3)]
    scene = Image.merge("RGB", bands)
    pen = ImageDraw.Draw(scene)
    width, height = size
    for layer in range(4):
        base = height * (0.4 + 0.15 * layer)
        ridge = [(x * width / 12, base + chance.uniform(-0.1, 0.1) * height) for x in range(13)]
        pen.polygon([*ridge, (width, height), (0, height)], fill=_colour(chance))
    for _ in range(150):
        x, y, r = chance.uniform(0, width), chance.uniform(0, height), chance.uniform(0.004, 0.05) * width
        draw = chance.choice((pen.ellipse, pen.rectangle))
        draw((x - r, y - r * chance.uniform(0.3, 1), x + r, y + r), fill=_colour(chance), outline=_colour(chance))
    scene = ImageEnhance.Color(scene).enhance(_COLOUR)
    texture = Image.effect_noise((max(1, width // 24), max(1, height // 24)), 50).resize(size, Image.Resampling.BICUBIC)
    return ImageChops.overlay(scene, Image.merge("RGB", [texture] * 3))


def _colour(chance: random.Random) -> tuple[int, int, int]:
    return chance.randrange(20, 235), chance.randrange(20, 235), chance.randrange(20, 235)


@cache
def _grain(size: Size) -> Image.Image:
    """Return a sensor's noise around the middle grey; it is drawn once, then shifted from photo to photo."""
    return Image.merge("RGB", [Image.effect_noise(size, 40) for _ in range(3)])


def _grained(scene: Image.Image, grain: Image.Image, strength: float) -> Image.Image:
    return ImageChops.add(scene, Image.blend(Image.new("RGB", grain.size, (128, 128, 128)), grain, strength), 1, -128)


def _strength(scene: Image.Image, grain: Image.Image, size_mb: float) -> float:
    """Return how much grain makes the file about so large: grain decides how well a photo compresses."""
    width, height = scene.size
    box = (0, round(height * 0.4), round(width * _SAMPLE), round(height * (0.4 + _SAMPLE)))
    scene_sample, grain_sample = scene.crop(box), grain.crop(box)
    wanted = size_mb * 1e6 * (scene_sample.width * scene_sample.height) / (width * height)
    low, high = 0.0, 1.0
    for _ in range(6):
        middle = (low + high) / 2
        if len(_encoded(_grained(scene_sample, grain_sample, middle))) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _encoded(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
