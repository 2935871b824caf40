"""How large a rendition is, which part of the photo it shows, and how large the photo must be decoded for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from raythumbs.imaging.orientation import Box, sideways
from raythumbs.model.photo import Fit, RenditionSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """Cut `box` out of the photo (in the photo's pixels), resample it to `size`, and centre that on `canvas`."""

    box: Box
    size: tuple[int, int]
    canvas: tuple[int, int]

    @property
    def scale(self) -> float:
        """The larger of the scales of width and height."""
        left, top, right, bottom = self.box
        return max(self.size[0] / (right - left), self.size[1] / (bottom - top))


def plan(width: int, height: int, spec: RenditionSpec) -> Plan:
    """Return how an upright photo of this size becomes the spec's rendition. No side is ever below one pixel."""
    match spec.fit:
        case Fit.FILL:
            return _fill(width, height, spec)
        case Fit.COVER:
            return _cover(width, height, spec)
        case Fit.INSIDE | Fit.CONTAIN:
            return _inside(width, height, spec)


def largest_scale(width: int, height: int, specs: Sequence[RenditionSpec]) -> float:
    """Return the largest scale at which an upright photo of this size is resampled."""
    return max(plan(width, height, spec).scale for spec in specs)


def gap_size(width: int, height: int, specs: Sequence[RenditionSpec]) -> tuple[int, int]:
    """Return the smallest size in pixels at which the photo may be decoded, so that each spec has its gap."""
    scale = max(plan(width, height, spec).scale * spec.gap for spec in specs)
    return min(width, max(1, int(width * scale))), min(height, max(1, int(height * scale)))


@dataclass(frozen=True, slots=True)
class Needs:
    """What all specs together need of a photo, whose size is `stored` as its pixels lie in the file."""

    stored: tuple[int, int]
    specs: Sequence[RenditionSpec]

    def least_size(self, turn: int) -> tuple[int, int]:
        """Return the smallest size to decode a photo of this orientation at, as its pixels lie."""
        return sideways(gap_size(*sideways(self.stored, turn), self.specs), turn)

    def scale(self, decoded_width: int) -> float:
        """Return the largest scale at which the decoded pixels are resampled, in whichever orientation is larger."""
        largest = max(largest_scale(*size, self.specs) for size in (self.stored, self.stored[::-1]))
        return largest * self.stored[0] / decoded_width


def _fill(width: int, height: int, spec: RenditionSpec) -> Plan:
    size = (spec.width, spec.height) if spec.enlarge else (min(spec.width, width), min(spec.height, height))
    return Plan(_whole(width, height), size, size)


def _cover(width: int, height: int, spec: RenditionSpec) -> Plan:
    scale = _allowed(max(spec.width / width, spec.height / height), spec)
    size = (min(spec.width, _side(width * scale)), min(spec.height, _side(height * scale)))
    left, right = _around(spec.focus[0], size[0] / scale, width)
    top, bottom = _around(spec.focus[1], size[1] / scale, height)
    return Plan((left, top, right, bottom), size, size)


def _inside(width: int, height: int, spec: RenditionSpec) -> Plan:
    scale = _allowed(min(spec.width / width, spec.height / height), spec)
    size = (_side(width * scale), _side(height * scale))
    return Plan(_whole(width, height), size, (spec.width, spec.height) if spec.fit is Fit.CONTAIN else size)


def _whole(width: int, height: int) -> Box:
    return 0.0, 0.0, float(width), float(height)


def _allowed(scale: float, spec: RenditionSpec) -> float:
    return scale if spec.enlarge else min(scale, 1.0)


def _around(focus: float, length: float, side: int) -> tuple[float, float]:
    """Return the start and the end of a stretch of a side, with the focus in its middle if there is room."""
    length = min(length, side)
    start = min(max(0.0, focus * side - length / 2), side - length)
    return start, start + length


def _side(pixels: float) -> int:
    return max(1, int(pixels + 0.5))
