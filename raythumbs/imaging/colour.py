"""Any picture's pixels as sRGB."""

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms

_SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}


def resampleable(picture: Image.Image) -> Image.Image:
    """Return the picture in a mode whose pixels may be averaged: no palette, no bits, no sixteen bits, alpha last."""
    mode = picture.mode
    if mode in _SIXTEEN_BIT or mode == "I":
        return _eight_bit(picture)
    if mode in {"1", "F"}:
        return picture.convert("L")
    if mode in {"P", "PA"}:
        return picture.convert("RGBA" if mode == "PA" or "transparency" in picture.info else "RGB")
    if mode == "LA":
        return picture.convert("RGBA")
    if mode in {"L", "RGB"} and "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture if mode in {"L", "RGB", "RGBA", "CMYK", "LAB"} else picture.convert("RGB")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB as L, RGB or RGBA. A profile that is broken, or of another mode, is ignored."""
    if profile:
        try:
            return _converted(picture, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # what a viewer without colour management shows is better than no thumbnail
    if picture.mode == "LAB":
        return _converted(picture, None)
    return picture if picture.mode in {"L", "RGB", "RGBA"} else picture.convert("RGB")


def flattened(picture: Image.Image) -> Image.Image:
    """Return the picture without alpha, laid on white."""
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _eight_bit(picture: Image.Image) -> Image.Image:
    # Pillow's own conversion clips at 255; sixteen-bit samples are scaled. Mode I holds what 16-bit PNG decodes to.
    wide = picture.convert("I") if picture.mode != "I" else picture
    return wide.point(lambda sample: sample * (1 / 257) + 0.5).convert("L")


def _converted(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if picture.mode == "RGBA":
        alpha = picture.getchannel("A")
        colour = _converted(picture.convert("RGB"), profile)
        colour.putalpha(alpha)
        return colour
    converted = ImageCms.applyTransform(picture, _transform(profile, picture.mode))
    if converted is None:
        raise ImageCms.PyCMSError("no picture came of the transform")
    return converted


@lru_cache(maxsize=32)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
    return ImageCms.buildTransform(
        source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
