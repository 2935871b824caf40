"""Which sample means white, where no header says it."""

from collections.abc import Sequence

import numpy as np

from raythumbs.imaging.tiff.layout import Layout
from raythumbs.imaging.tiff.samples import Samples
from raythumbs.imaging.tiff.tags import Numbers

_BRIGHTER_THAN_WHITE = 16  # pictures of high dynamic range have samples up to this many times white


def white(samples: Samples, layout: Layout) -> float:
    """Return the smallest usual value of white that the picture does not far exceed."""
    total, brightest = 0.0, 0.0
    for row in samples:  # one at a time, to save memory
        finite = row[np.isfinite(row)]
        total += float(finite.sum(dtype=np.float64))
        brightest = max(brightest, float(finite.max(initial=0)))
    mean = total / samples.size
    usual = _usual_whites(layout)
    fitting = (value for value in usual if mean <= value and brightest <= value * _BRIGHTER_THAN_WHITE)
    return next(fitting, usual[-1])


def _usual_whites(layout: Layout) -> Sequence[float]:
    match layout.numbers, layout.bits:
        case Numbers.FLOAT, _:
            return 1.0, 255.0, 65535.0, 2.0**31 - 1
        case Numbers.SIGNED, 8:
            return (255.0,)  # as libvips has it: what is below zero is black
        case Numbers.SIGNED, 16:
            return 1.0, 255.0, 65535.0
        case Numbers.SIGNED, _:
            return 1.0, 255.0, 65535.0, 2.0**31 - 1
        case _:
            return 1.0, 255.0, 65535.0, 2.0**32 - 1
