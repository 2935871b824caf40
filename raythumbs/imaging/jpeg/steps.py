"""The quantisation steps of the JPEGs that are written: how coarsely each wave of a block is kept."""

from dataclasses import dataclass
from functools import cache

# Steps at quality 50, row by row: the base of the tables below. N. Robidoux found it for ImageMagick by looking at
# pictures; mozjpeg has it too (jcparam.c, table 3).
_STEPS = (
    (16, 16, 16, 18, 25, 37, 56, 85),
    (16, 17, 20, 27, 34, 40, 53, 75),
    (16, 20, 24, 31, 43, 62, 91, 135),
    (18, 27, 31, 40, 53, 74, 106, 156),
    (25, 34, 43, 53, 69, 94, 131, 189),
    (37, 40, 62, 74, 94, 124, 169, 238),
    (56, 53, 91, 106, 131, 169, 226, 311),
    (85, 75, 135, 156, 189, 238, 311, 418),
)
_FINEST = 16
_COARSEST = 255  # the largest step of a baseline file


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the steps of light or of colour differ from the base.

    `steepness` above 1 makes the steps of fine waves coarser, and `share` multiplies all. `mean` and `slowest` multiply
    the step of a block's mean and those of its two slowest waves: smooth parts of a picture show these.
    """

    steepness: float = 1.0
    share: float = 1.0
    mean: float = 1.0
    slowest: float = 1.0

    def step(self, base: int, row: int, column: int) -> float:
        slow = (self.mean, self.slowest)[row + column] if row + column <= 1 else 1.0
        return float(_FINEST * (base / _FINEST) ** self.steepness * self.share * slow)


# At equal SSIMULACRA2, 9 photographs of 720 pixels take 0.98 of the bytes of sharp with mozjpeg. With the steps of
# small pictures it would be 1.005, and in baseline files 1.03. 15 photographs of 300 pixels take 0.91. Most of these
# have fewer than 249 rows, so that the metric leaves out a scale and weighs the others wrongly: it did not choose
# their steps.
_SMALL = (_Shape(), _Shape(share=0.7))
_LARGE = (
    _Shape(steepness=0.95, mean=0.6, slowest=0.85),
    _Shape(steepness=1.3, share=0.8, mean=0.4, slowest=0.85),
)


@cache
def steps(quality: int, *, large: bool) -> list[list[int]]:
    """Return the steps of light and of colour for a quality of 1 to 100, which scales as in libjpeg (jcparam.c)."""
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality  # noqa: PLR2004 libjpeg's
    return [
        [
            min(_COARSEST, max(1, round(shape.step(base, y, x) * percent / 100)))
            for y, row in enumerate(_STEPS)
            for x, base in enumerate(row)
        ]
        for shape in (_LARGE if large else _SMALL)
    ]
