"""Every rendition of a photo from one decode."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, TypeVar

from PIL import Image

from raythumbs.errors import BadPicture, NotAnImage, TooLarge
from raythumbs.imaging.colour import PROFILE_IGNORED, fits, resampleable, to_srgb
from raythumbs.imaging.decode import (
    SIDEWAYS,
    LeastSize,
    Limits,
    admit,
    load,
    open_picture,
    orientation,
    prefix_needed,
    shrink_on_load,
    without_needless_scans,
)
from raythumbs.imaging.encode import encode
from raythumbs.imaging.resize import gap_size, largest_scale, on_canvas, plan, resample
from raythumbs.model.photo import RenditionSpec

_Side = TypeVar("_Side", int, float)

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
    """A photo's size in pixels as a person sees it, its format (`jpeg`, `heif`, ...), its renditions, and what was
    wrong with it without being worth a refusal."""

    width: int
    height: int
    format: str
    renditions: tuple[RenderedSpec, ...]
    notes: tuple[str, ...] = ()


def render(source: BinaryIO | bytes, specs: Sequence[RenditionSpec], limits: Limits) -> Rendered:
    """Make every spec's rendition of a photo, in the order of the specs, upright and in sRGB, without metadata.

    Raises a BadPicture (NotAnImage, Truncated, Corrupt, TooLarge) for what no thumbnail can be made of.
    """
    file = BytesIO(source) if isinstance(source, bytes) else source
    if not file.read(1):
        raise NotAnImage("the file is empty")
    file.seek(0)
    try:
        return _rendered(file, specs, limits)
    except MemoryError as error:
        raise TooLarge("the picture and its thumbnails do not fit into memory") from error


def enough(prefix: bytes, specs: Sequence[RenditionSpec]) -> int | None:
    """Return how many bytes of a photo suffice for `render`, told from its first bytes; None: more than these, or all.

    It is so of progressive JPEGs. Those bytes with the mark of an end, FF D9, behind them give the same renditions.
    """
    try:
        with open_picture(BytesIO(prefix)) as picture:
            least_size = _least_size(picture.size, specs)
            shrink_on_load(picture, least_size)
            return prefix_needed(picture, BytesIO(prefix), least_size)
    except BadPicture:  # or not yet a picture
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoded:
    """A photo's pixels as they lie, and how they are to be turned. `size` and `covered` are as a person sees it:
    the photo's own size, and how much of the decoded pixels it covers."""

    pixels: Image.Image
    turn: int
    size: tuple[int, int]
    covered: tuple[float, float]
    profile: bytes | None


def _rendered(file: BinaryIO, specs: Sequence[RenditionSpec], limits: Limits) -> Rendered:
    with open_picture(file) as picture:
        stored = picture.size
        least_size = _least_size(stored, specs)
        covered = shrink_on_load(picture, least_size)
        scale = max(largest_scale(*size, specs) for size in (stored, stored[::-1])) * stored[0] / picture.width
        admit(picture, limits, scale)
        decoding = without_needless_scans(picture, file, least_size)
        load(decoding)
        turn = orientation(picture)
        pixels, profile = resampleable(decoding), picture.info.get("icc_profile") or None
        ignored = profile is not None and not fits(profile, pixels)
        decoded = _Decoded(
            pixels=pixels,
            turn=turn,
            size=_sideways(stored, turn),
            covered=_sideways(covered or decoding.size, turn),
            profile=None if ignored else profile,
        )
        renditions = tuple(_rendition(decoded, spec) for spec in specs)
        notes = (PROFILE_IGNORED,) if ignored else ()
        return Rendered(*decoded.size, str(picture.format).lower(), renditions, notes)


def _least_size(stored: tuple[int, int], specs: Sequence[RenditionSpec]) -> LeastSize:
    return lambda turn: _sideways(gap_size(*_sideways(stored, turn), specs), turn)


def _rendition(photo: _Decoded, spec: RenditionSpec) -> RenderedSpec:
    way = plan(*photo.size, spec)
    # Turning and colour come after resizing, when little is left to turn and to convert. A plan's box is centred,
    # so that lying down it is the same box with its sides swapped.
    left, top, right, bottom = way.box
    (across, down), (width, height) = photo.covered, photo.size
    left, right = left * across / width, right * across / width
    top, bottom = top * down / height, bottom * down / height
    box = (top, left, bottom, right) if photo.turn in SIDEWAYS else (left, top, right, bottom)
    picture = to_srgb(resample(photo.pixels, _sideways(way.size, photo.turn), box), photo.profile)
    if photo.turn in _TURNS:
        picture = picture.transpose(_TURNS[photo.turn])
    picture = on_canvas(picture, way.canvas)
    return RenderedSpec(spec, picture.width, picture.height, encode(picture, spec))


def _sideways(size: tuple[_Side, _Side], turn: int) -> tuple[_Side, _Side]:
    return (size[1], size[0]) if turn in SIDEWAYS else size
