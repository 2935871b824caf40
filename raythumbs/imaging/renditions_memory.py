"""Predicts how much memory the renditions of a picture take beside it, from resampled pixels to files.

The figures are bytes per pixel of the rendition: the peak of resident memory, measured with noise, which takes the
most, and with Pillow 13.0, libjpeg-turbo 3.2, libwebp 1.6 and libaom 3.13.
"""

from dataclasses import dataclass

from PIL import Image

from raythumbs.imaging.memory import has_alpha, is_grey
from raythumbs.imaging.plan import Needs, plan
from raythumbs.model.photo import Fit, Format


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Bytes per pixel that an encoder and its file take, for each kind of pixels."""

    grey: float
    colour: float
    with_alpha: float


_ENCODERS = {
    Format.JPEG: _Encoder(3, 7, 11),  # with all samples of colour, see red_edges.py
    Format.PNG: _Encoder(2, 6, 8),
    Format.WEBP: _Encoder(23, 21, 38),
    Format.AVIF: _Encoder(19, 24, 32),
}


def renditions_bytes(picture: Image.Image, needs: Needs) -> int:
    """Return the memory that all renditions of a picture take, in whichever orientation takes more.

    The renditions are made one by one. The pixels of those that show the whole photo are kept until the last is made.
    """
    kind = _Kind.of(picture)
    return max(_in_turn(kind, Needs(size, needs.specs)) for size in (needs.stored, needs.stored[::-1]))


@dataclass(frozen=True, slots=True)
class _Kind:
    """The kind of the resampled pixels, as bytes per pixel: resampled, during the conversion to sRGB, and after it."""

    resampled: int
    converting: int
    finished: int
    has_alpha: bool

    @classmethod
    def of(cls, picture: Image.Image) -> "_Kind":
        profiled = bool(picture.info.get("icc_profile")) or picture.mode in {"CMYK", "LAB"}
        grey, alpha = is_grey(picture), has_alpha(picture)
        if alpha:
            return cls(resampled=4, converting=9 if profiled else 0, finished=4, has_alpha=True)
        return cls(1 if grey else 4, 4 if profiled else 0, 1 if grey and not profiled else 4, has_alpha=False)

    def encoder_bytes(self, file_format: Format) -> float:
        encoder = _ENCODERS[file_format]
        if self.has_alpha:
            return encoder.with_alpha
        return encoder.grey if self.finished == 1 else encoder.colour


def _in_turn(pixels: _Kind, needs: Needs) -> int:
    kept = highest = 0.0
    for spec in needs.specs:
        way = plan(*needs.stored, spec)
        area, canvas = way.size[0] * way.size[1], way.canvas[0] * way.canvas[1]
        turning = pixels.finished
        converted = area * (pixels.converting + turning)
        encoded = canvas * (pixels.finished + pixels.encoder_bytes(spec.format)) + (
            area * turning if canvas > area else 0
        )
        highest = max(highest, area * pixels.resampled + max(converted, encoded))
        if spec.fit in {Fit.INSIDE, Fit.CONTAIN}:
            kept += area * pixels.resampled
    return int(kept + highest)
