"""How many bytes raythumbs' JPEGs take beside a rival's of the same SSIMULACRA2, over photographs."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Annotated

from PIL import Image, ImageOps

from raythumbs.bench.report import BenchFailed
from raythumbs.bench.thumbnailers import QUALITY, Thumbnailer
from raythumbs.model.photo import Format

SIZES = (300, 720)
_QUALITIES = (72, 78, 84, 90)  # of ours: their scores are around that of a rival at 85
Scored = tuple[float, float]  # a score, and the logarithm of the bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualScore:
    """Our bytes over the rival's at equal score: the geometric mean over the photographs."""

    target_pixels: Annotated[int, "pixels"]
    rival: Annotated[str, "rival"]
    photographs: Annotated[int, "photographs"]
    bytes_ratio: Annotated[float, "bytes at equal score", "{:.3f}"]


def equal_scores(ours: Thumbnailer, rival: Thumbnailer, photos: Iterable[bytes]) -> list[EqualScore]:
    """Compare the sizes of files at each size in pixels. A photo that one of both cannot read is left out."""
    kept = list(photos)
    return [one for pixels in SIZES if (one := _equal_score(ours, rival, kept, pixels))]


def _equal_score(ours: Thumbnailer, rival: Thumbnailer, photos: Sequence[bytes], pixels: int) -> EqualScore | None:
    logarithms = []
    for photo in photos:
        try:
            [(score, rivals)] = _scored(rival, photo, pixels, [QUALITY])
            logarithms.append(log_bytes_at(_scored(ours, photo, pixels, _QUALITIES), score) - rivals)
        except BenchFailed:
            continue
    if not logarithms:
        return None
    return EqualScore(
        target_pixels=pixels,
        rival=rival.name,
        photographs=len(logarithms),
        bytes_ratio=math.exp(statistics.fmean(logarithms)),
    )


def log_bytes_at(curve: Sequence[Scored], score: float) -> float:
    """Return the logarithm of the bytes at a score: on the straight line through the two nearest points of a curve."""
    points = sorted(curve)
    low, high = min(pairwise(points), key=lambda pair: max(pair[0][0] - score, score - pair[1][0]))
    share = (score - low[0]) / (high[0] - low[0]) if high[0] > low[0] else 0.5
    return low[1] + share * (high[1] - low[1])


def _scored(contestant: Thumbnailer, photo: bytes, pixels: int, qualities: Iterable[int]) -> list[Scored]:
    from ssimulacra2 import compute_ssimulacra2  # imports SciPy, which takes a second

    files = [contestant.thumbnail(photo, pixels, Format.JPEG, quality=quality).data for quality in qualities]
    with Image.open(BytesIO(files[0])) as made:
        reference = _reference(photo, made.size)
    return [(compute_ssimulacra2(BytesIO(reference), BytesIO(file)), math.log(len(file))) for file in files]


def _reference(photo: bytes, size: tuple[int, int]) -> bytes:
    """Return the photo as it should look: every pixel decoded, then one step of Lanczos."""
    file = BytesIO()
    with Image.open(BytesIO(photo)) as picture:
        ImageOps.exif_transpose(picture).convert("RGB").resize(size, Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()
