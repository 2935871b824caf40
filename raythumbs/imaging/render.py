"""Every rendition of a photo from one decode."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from raythumbs.errors import NotAnImage
from raythumbs.imaging.colour import resampleable, to_srgb
from raythumbs.imaging.decode import SIDEWAYS, Limits, admit, load, open_picture, orientation, shrink_on_load
from raythumbs.imaging.encode import encode
from raythumbs.imaging.resize import gap_size, on_canvas, plan, resample
from raythumbs.model.photo import RenditionSpec

_TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class RenderedSpec:
    """One rendition: its size in pixels and its file."""

    spec: RenditionSpec
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """A photo's size in pixels as a person sees it, its format (`jpeg`, `heif`, ...), and its renditions."""

    width: int
    height: int
    format: str
    renditions: tuple[RenderedSpec, ...]


def render(source: BinaryIO | bytes, specs: Sequence[RenditionSpec], limits: Limits) -> Rendered:
    """Make every spec's rendition of a photo, in the order of the specs, upright and in sRGB, without metadata.

    Raises a BadPicture (NotAnImage, Truncated, Corrupt, TooLarge) for what no thumbnail can be made of.
    """
    file = BytesIO(source) if isinstance(source, bytes) else source
    if not file.read(1):
        raise NotAnImage("the file is empty")
    file.seek(0)
    with open_picture(file) as picture:
        stored = picture.size
        shrink_on_load(picture, lambda turn: _sideways(gap_size(*_sideways(stored, turn), specs), turn))
        admit(picture, limits)
        load(picture)
        turn = orientation(picture)
        size = _sideways(stored, turn)
        pixels = resampleable(picture)
        profile = picture.info.get("icc_profile")
        renditions = tuple(_rendition(pixels, spec, size=size, turn=turn, profile=profile) for spec in specs)
        return Rendered(*size, str(picture.format).lower(), renditions)


def _rendition(
    pixels: Image.Image, spec: RenditionSpec, *, size: tuple[int, int], turn: int, profile: bytes | None
) -> RenderedSpec:
    way = plan(*size, spec)
    # Turning and colour come after resizing, when little is left to turn and to convert. A plan's box is centred,
    # so that lying down it is the same box with its sides swapped.
    left, top, right, bottom = way.box
    across, down = _sideways((pixels.width, pixels.height), turn)
    left, right = left * across / size[0], right * across / size[0]
    top, bottom = top * down / size[1], bottom * down / size[1]
    box = (top, left, bottom, right) if turn in SIDEWAYS else (left, top, right, bottom)
    picture = to_srgb(resample(pixels, _sideways(way.size, turn), box), profile)
    if turn in _TURNS:
        picture = picture.transpose(_TURNS[turn])
    picture = on_canvas(picture, way.canvas)
    return RenderedSpec(spec, picture.width, picture.height, encode(picture, spec))


def _sideways(size: tuple[int, int], turn: int) -> tuple[int, int]:
    return (size[1], size[0]) if turn in SIDEWAYS else size
