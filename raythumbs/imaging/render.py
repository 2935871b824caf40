"""Every rendition of a photo from one decode."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from raythumbs.errors import NeedsMemory, NotAnImage, TooLarge
from raythumbs.imaging import placeholder
from raythumbs.imaging.colour import PROFILE_IGNORED, fits, resampleable, to_srgb
from raythumbs.imaging.decode import (
    LeastSize,
    admit,
    load,
    open_picture,
    shrink_on_load,
    without_needless_scans,
)
from raythumbs.imaging.encode import encode
from raythumbs.imaging.finishing import renditions_bytes
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.orientation import Box, lying, orientation, sideways, upright
from raythumbs.imaging.resize import gap_size, largest_scale, on_canvas, plan, resample
from raythumbs.model.photo import Fit, PictureFacts, RenditionSpec

_TO_HASH = RenditionSpec(width=placeholder.SIDE, height=placeholder.SIDE)


@dataclass(frozen=True, slots=True)
class RenderedSpec:
    """One rendition: its size in pixels and its file."""

    spec: RenditionSpec
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """A photo's size in pixels as a person sees it, its format (`jpeg`, `heif`, ...), its renditions, its ThumbHash,
    and what was wrong with it without being worth a refusal."""

    width: int
    height: int
    format: str
    renditions: tuple[RenderedSpec, ...]
    thumb_hash: bytes
    notes: tuple[str, ...]

    def facts(self, *, size_bytes: int, version: str | None) -> PictureFacts:
        """Return what is to be recorded of the photo, whose file has this size and this version in its store."""
        return PictureFacts(
            width=self.width,
            height=self.height,
            format=self.format,
            size_bytes=size_bytes,
            version=version,
            thumb_hash=b64encode(self.thumb_hash).decode(),
            notes=self.notes,
        )


def render(source: BinaryIO | bytes, specs: Sequence[RenditionSpec], limits: Limits) -> Rendered:
    """Make every spec's rendition of a photo, in the order of the specs, upright and in sRGB, without metadata.

    Raises a BadPicture (NotAnImage, Truncated, Corrupt, TooLarge) for what no thumbnail can be made of, or NeedsMemory
    where the limits say that there is more elsewhere. Raises ValueError for a spec with a value outside its range.
    """
    for spec in specs:
        spec.check()
    file = BytesIO(source) if isinstance(source, bytes) else source
    if not file.read(1):
        raise NotAnImage("the file is empty")
    file.seek(0)
    try:
        return _rendered(file, specs, limits)
    except MemoryError as error:  # it took more than was predicted
        told = "the picture and its thumbnails do not fit into memory"
        if limits.elsewhere_bytes > limits.decode_bytes:
            raise NeedsMemory(told, limits.elsewhere_bytes) from error
        raise TooLarge(told) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pixels:
    """The photo's pixels in some size, as they lie. All sizes are as a person sees the photo: its own, and how much of
    the pixels it covers (at 1/4 the 1281 rows of a JPEG are 320.25 of 321)."""

    picture: Image.Image
    turn: int
    size: tuple[int, int]
    covered: tuple[float, float]
    profile: bytes | None

    def suffice(self, spec: RenditionSpec) -> bool:
        """Whether a faithful rendition can be made of them."""
        return all(has >= needs for has, needs in zip(self.covered, gap_size(*self.size, [spec]), strict=True))

    def resampled(self, size: tuple[int, int], box: Box) -> Image.Image:
        """Resample what a box of the upright photo shows to an upright size. The result lies as the pixels do."""
        (left, right), (top, bottom) = (
            [min(has, at * has / whole) for at in ends]  # a rounding error further would be outside
            for ends, has, whole in zip((box[::2], box[1::2]), self.covered, self.size, strict=True)
        )
        scaled = (left, top, right, bottom)
        return resample(self.picture, sideways(size, self.turn), lying(scaled, self.covered, self.turn))

    def finished(self, picture: Image.Image) -> Image.Image:
        """Return what was resampled as a person sees it, in sRGB: now there is little left to turn and to convert."""
        return upright(to_srgb(picture, self.profile), self.turn)


def _rendered(file: BinaryIO, specs: Sequence[RenditionSpec], limits: Limits) -> Rendered:
    with open_picture(file) as picture:
        stored = picture.size
        least_size = _least_size(stored, specs)
        covered = shrink_on_load(picture, least_size)
        scale = max(largest_scale(*size, specs) for size in (stored, stored[::-1])) * stored[0] / picture.width
        admit(picture, limits, scale, renditions_bytes(picture, stored, specs))
        decoding, part = without_needless_scans(picture, file, least_size)
        load(decoding, part)
        turn = orientation(picture)
        lying_pixels, profile = resampleable(decoding), picture.info.get("icc_profile") or None
        ignored = profile is not None and not fits(profile, lying_pixels)
        pixels = _Pixels(
            picture=lying_pixels,
            turn=turn,
            size=sideways(stored, turn),
            covered=sideways(covered or decoding.size, turn),
            profile=None if ignored else profile,
        )
        renditions, thumb_hash = _made(pixels, specs)
        notes = (PROFILE_IGNORED,) if ignored else ()
        return Rendered(*pixels.size, str(picture.format).lower(), renditions, thumb_hash, notes)


def _least_size(stored: tuple[int, int], specs: Sequence[RenditionSpec]) -> LeastSize:
    return lambda turn: sideways(gap_size(*sideways(stored, turn), specs), turn)


def _made(decoded: _Pixels, specs: Sequence[RenditionSpec]) -> tuple[tuple[RenderedSpec, ...], bytes]:
    """Return the renditions in the order of the specs, and the ThumbHash. The large ones are made first, and of them
    the small ones: where a larger one suffices, that is truer than to start from the decoder's pixels, and faster."""
    made: dict[RenditionSpec, RenderedSpec] = {}
    wholes = [decoded]
    for spec in sorted(specs, key=lambda spec: largest_scale(*decoded.size, [spec]), reverse=True):
        pixels = _smallest_of(wholes, spec)
        way = plan(*decoded.size, spec)
        resampled = replace(pixels, picture=pixels.resampled(way.size, way.box), covered=way.size)
        if spec.fit in {Fit.INSIDE, Fit.CONTAIN} and way.size < pixels.covered:
            wholes.append(resampled)
        made[spec] = _encoded(resampled, way.canvas, spec)
        del resampled  # its pixels, before the next are made
    return tuple(made[spec] for spec in specs), _thumb_hash(_smallest_of(wholes, _TO_HASH))


def _encoded(resampled: _Pixels, canvas: tuple[int, int], spec: RenditionSpec) -> RenderedSpec:
    picture = on_canvas(resampled.finished(resampled.picture), canvas)
    return RenderedSpec(spec, picture.width, picture.height, encode(picture, spec))


def _smallest_of(wholes: Sequence[_Pixels], spec: RenditionSpec) -> _Pixels:
    return next((pixels for pixels in reversed(wholes) if pixels.suffice(spec)), wholes[0])


def _thumb_hash(pixels: _Pixels) -> bytes:
    way = plan(*pixels.size, _TO_HASH)
    return placeholder.thumb_hash(pixels.finished(pixels.resampled(way.size, way.box)))
