"""The step `colour`: pixels of any kind become pixels that can be averaged, and after resizing sRGB."""

from dataclasses import replace
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageChops, ImageCms

from raythumbs.imaging.colourspace.curves import HLG
from raythumbs.imaging.colourspace.system_gamma import system_gamma
from raythumbs.imaging.pixels import Pixels
from raythumbs.imaging.profile import holds_its_tables, profile_code_points, rendering_intent

PROFILE_IGNORED = "colour profile ignored: it is broken, or made for another kind of pixels"

_SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}
_TRANSPARENT = {"1", "L", "RGB"}  # the modes in which one colour may mean transparency
_WHITE = 65535


def colour(pixels: Pixels, profile: bytes | None) -> Pixels:
    """Return the pixels in a mode in which they can be averaged, with their colour profile.

    A profile that is broken, or made for another kind of pixels, is left out and noted. The pixels are not converted to
    sRGB yet: each rendition is converted, because it is much smaller.
    """
    picture = resampleable(pixels.picture)
    if profile and not _fits(profile, picture):
        return replace(pixels, picture=picture, notes=(PROFILE_IGNORED,))
    return replace(pixels, picture=picture, profile=profile or None)


def resampleable(picture: Image.Image) -> Image.Image:
    """Return the picture in a mode whose pixels can be averaged: no palette, 8 bits a sample, alpha last."""
    mode = picture.mode
    if mode in _SIXTEEN_BIT:
        return _eight_bit(picture)
    if mode in {"P", "PA"}:
        return picture.convert("RGBA" if mode == "PA" or "transparency" in picture.info else "RGB")
    if mode == "La":
        return picture.convert("LA").convert("RGBA")
    if mode in {"LA", "RGBa"} or (mode in _TRANSPARENT and "transparency" in picture.info):
        return picture.convert("RGBA")
    if mode == "1":
        return picture.convert("L")
    return picture if mode in {"L", "RGB", "RGBA", "CMYK", "LAB"} else picture.convert("RGB")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB, as L, RGB or RGBA. The profile is one that `colour` kept, or None."""
    if profile or picture.mode == "LAB":
        return _converted(picture, profile)
    return picture if picture.mode in {"L", "RGB", "RGBA"} else picture.convert("RGB")


def flattened(picture: Image.Image) -> Image.Image:
    """Return the picture without alpha, on white."""
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _fits(profile: bytes, picture: Image.Image) -> bool:
    """Return whether a colour profile is whole, and made for the pixels of a picture that is `resampleable`."""
    if not holds_its_tables(profile):
        return False
    try:
        _transform(profile, _kind(picture, profile))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    return True


def _eight_bit(picture: Image.Image) -> Image.Image:
    # Pillow's own conversion clips at 255. Here samples are scaled. Mode I holds all sixteen bits of a sample.
    wide = picture.convert("I")
    grey = wide.point(lambda sample: sample * 255 / _WHITE + 0.5).convert("L")
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        alpha = wide.point([0 if sample == clear else 255 for sample in range(_WHITE + 1)], "L")
        grey = grey.convert("RGBA")
        grey.putalpha(alpha)
    return grey


def _kind(picture: Image.Image, profile: bytes | None) -> str:
    """Return the mode to apply a profile in. Grey pixels with alpha are resampled as RGBA, but have a grey profile."""
    if picture.mode == "RGBA":
        return "L" if profile and profile[16:20] == b"GRAY" and _is_grey(picture) else "RGB"
    return picture.mode


def _is_grey(picture: Image.Image) -> bool:
    red, green, blue, _ = picture.split()
    return not any(ImageChops.difference(red, other).getbbox() for other in (green, blue))


def _converted(picture: Image.Image, profile: bytes | None) -> Image.Image:
    mode = _kind(picture, profile)
    colour = picture.convert("RGB").convert(mode) if picture.mode == "RGBA" else picture
    if profile and mode == "RGB" and _is_hlg(profile):
        colour = colour.filter(system_gamma())
    converted = ImageCms.applyTransform(colour, _transform(profile, mode))
    if converted is None:
        raise ImageCms.PyCMSError("no picture came of the transform")
    if picture.mode == "RGBA":
        converted.putalpha(picture.getchannel("A"))
    return converted


@lru_cache(maxsize=32)
def _is_hlg(profile: bytes) -> bool:
    points = profile_code_points(profile)
    return points is not None and points[1] == HLG


@lru_cache(maxsize=32)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform:
    """Return the conversion to sRGB with the profile's intent. The darkest colour that the profile has becomes black.

    Without this black point compensation, what a printer prints black becomes a dark grey. LittleCMS compensates the
    perceptual intent in any case, and never the absolute one.
    """
    source = ImageCms.ImageCmsProfile(BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
    intent = rendering_intent(profile) if profile else ImageCms.Intent.RELATIVE_COLORIMETRIC
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, srgb, mode, "RGB", intent, ImageCms.Flags.BLACKPOINTCOMPENSATION)
