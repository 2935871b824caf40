"""How large a rendition is, and how a picture gets there."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from raythumbs.imaging.orientation import Box
from raythumbs.model.photo import Fit, RenditionSpec

# Average whole pixels first while so many times the target are left for Lanczos: at 2.0 a thumbnail is 2 dB further
# from Lanczos alone, and one made of a larger one further than one made of the photo; at 4.0 it costs a third more.
REDUCING_GAP = 2.5
_MOST_OF = 0.95


@dataclass(frozen=True, slots=True)
class Plan:
    """Cut `box` from the picture (in its own pixels), and resample it to `size`; then centre it on `canvas`."""

    box: Box
    size: tuple[int, int]
    canvas: tuple[int, int]


def plan(width: int, height: int, spec: RenditionSpec) -> Plan:
    """Return how an upright picture of that size becomes the spec's rendition. No side is ever below one pixel."""
    across, down = spec.width / width, spec.height / height
    whole: Box = (0.0, 0.0, float(width), float(height))
    match spec.fit:
        case Fit.FILL:
            size = (spec.width, spec.height) if spec.enlarge else (min(spec.width, width), min(spec.height, height))
            return Plan(whole, size, size)
        case Fit.COVER:
            scale = max(across, down)
            scale = scale if spec.enlarge else min(scale, 1.0)
            size = (min(spec.width, _side(width * scale)), min(spec.height, _side(height * scale)))
            left, right = _around(spec.focus[0], size[0] / scale, width)
            top, bottom = _around(spec.focus[1], size[1] / scale, height)
            return Plan((left, top, right, bottom), size, size)
        case Fit.INSIDE | Fit.CONTAIN:
            scale = min(across, down)
            scale = scale if spec.enlarge else min(scale, 1.0)
            size = (_side(width * scale), _side(height * scale))
            return Plan(whole, size, (spec.width, spec.height) if spec.fit is Fit.CONTAIN else size)


def largest_scale(width: int, height: int, specs: Sequence[RenditionSpec]) -> float:
    """Return the largest of the scales, of width or height, at which a picture is resampled."""
    return max(_scale(plan(width, height, spec)) for spec in specs)


def gap_size(width: int, height: int, specs: Sequence[RenditionSpec]) -> tuple[int, int]:
    """Return the least size, in pixels, that a picture may be decoded at so that every spec has its gap."""
    scale = max(_scale(plan(width, height, spec)) * spec.gap for spec in specs)
    return min(width, max(1, int(width * scale))), min(height, max(1, int(height * scale)))


def resample(picture: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Resample the box to the size with Lanczos; colours under alpha do not bleed."""
    if size == picture.size and box == (0.0, 0.0, float(size[0]), float(size[1])):
        return picture
    if picture.mode == "RGBA":
        return _lanczos(picture.convert("RGBa"), size, box).convert("RGBA")
    return _lanczos(picture, size, box)


def _lanczos(picture: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Resample the columns first, where it is but twice or thrice the size and all of the width.

    Pillow does the rows first; its pass over columns is the faster one, so that it had better do the first and larger
    half of the work: 11 % of the time less.
    """
    left, top, right, bottom = box
    shrunk = max((right - left) / size[0], (bottom - top) / size[1])
    if right - left < _MOST_OF * picture.width or shrunk >= 2 * REDUCING_GAP:
        return picture.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=REDUCING_GAP)
    columns = picture.resize((picture.width, size[1]), Image.Resampling.LANCZOS, (0, top, picture.width, bottom))
    return columns.resize(size, Image.Resampling.LANCZOS, (left, 0, right, size[1]))


def on_canvas(picture: Image.Image, canvas: tuple[int, int]) -> Image.Image:
    """Centre the picture on a canvas, transparent where it may be and white where not."""
    if picture.size == canvas:
        return picture
    ground = Image.new(picture.mode, canvas, (255, 255, 255, 0) if picture.mode == "RGBA" else "white")
    ground.paste(picture, ((canvas[0] - picture.width) // 2, (canvas[1] - picture.height) // 2))
    return ground


def _around(focus: float, length: float, side: int) -> tuple[float, float]:
    """Return where a stretch of a side begins and ends that lies around the focus as far as the side goes."""
    length = min(length, side)
    start = min(max(0.0, focus * side - length / 2), side - length)
    return start, start + length


def _scale(way: Plan) -> float:
    left, top, right, bottom = way.box
    return max(way.size[0] / (right - left), way.size[1] / (bottom - top))


def _side(pixels: float) -> int:
    return max(1, int(pixels + 0.5))
