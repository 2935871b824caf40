"""The step `colour`: pixels of any kind become pixels that can be averaged, and after resizing sRGB."""

from dataclasses import replace
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageChops, ImageCms, TiffImagePlugin

from raythumbs.imaging.colourspace.curves import HLG
from raythumbs.imaging.colourspace.system_gamma import system_gamma
from raythumbs.imaging.pixels import Pixels
from raythumbs.imaging.profile import holds_its_tables, profile_code_points, rendering_intent

PROFILE_IGNORED = "colour profile ignored: it is broken, or made for another kind of pixels"

_SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}
_TRANSPARENT = {"1", "L", "RGB"}  # the modes in which one colour may mean transparency
_WHITES = (1.0, 255.0, 65535.0, 2147483647.0)  # the usual values of white in wide samples
_BRIGHTER_THAN_WHITE = 16  # pictures of high dynamic range have samples up to this many times white
_PHOTOMETRIC = 262  # TIFF 6.0, section 8: the value 0 means that zero is white


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
    if mode in _SIXTEEN_BIT or mode in {"I", "F"}:
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
    # Pillow's own conversion clips at 255. Here wide samples are scaled. Mode I holds all sixteen bits of a sample.
    wide = picture.convert("I") if picture.mode in _SIXTEEN_BIT else picture
    scale = 255 / (65535 if picture.mode in _SIXTEEN_BIT else _white(wide))
    grey = wide.point(lambda sample: sample * scale + 0.5).convert("L")
    if isinstance(picture, TiffImagePlugin.TiffImageFile) and picture.tag_v2.get(_PHOTOMETRIC) == 0:
        grey = ImageChops.invert(grey)  # Pillow does this for narrow samples only
    clear = picture.info.get("transparency")
    if picture.mode in _SIXTEEN_BIT and isinstance(clear, int):
        alpha = wide.point([0 if sample == clear else 255 for sample in range(65536)], "L")
        grey = grey.convert("RGBA")
        grey.putalpha(alpha)
    return grey


def _white(picture: Image.Image) -> float:
    """Return the sample that means white: the smallest usual value that the picture does not far exceed.

    No header says which value it is.
    """
    mean = picture.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    _, brightest = picture.getextrema()
    fitting = (white for white in _WHITES if mean <= white and brightest <= white * _BRIGHTER_THAN_WHITE)  # type: ignore[operator]
    return next(fitting, _WHITES[0])


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
