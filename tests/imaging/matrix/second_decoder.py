"""A second decoder to hold ours against: libvips, which has readers of its own for GIF and PNG, and its own rules."""

from typing import Any

import numpy as np
import pyvips

from tests.imaging.pictures import thumbnail


def shown_by_libvips(photo: bytes, **options: Any) -> np.ndarray:
    """The upright picture in sRGB, as rows of red, green, blue and alpha of 0 to 255."""
    picture = pyvips.Image.new_from_buffer(photo, "", **options).autorot()
    picture = picture.colourspace("srgb")
    if picture.format != "uchar":
        picture = (picture / 257).rint().cast("uchar") if picture.format == "ushort" else picture.cast("uchar")
    if picture.bands == 3:
        picture = picture.bandjoin(255)
    return np.asarray(picture.numpy())


def shown_by_us(photo: bytes) -> np.ndarray:
    """The thumbnail in the photo's full size, in the same form."""
    return np.asarray(thumbnail(photo, width=4000, height=4000).convert("RGBA"))


def difference(photo: bytes, **options: Any) -> float:
    """How far the two are apart at most. The colour of a pixel that nobody sees does not count."""
    ours, theirs = shown_by_us(photo).astype(float), shown_by_libvips(photo, **options).astype(float)
    assert ours.shape == theirs.shape
    opacity = np.minimum(ours[..., 3:], theirs[..., 3:]) / 255
    colours = np.abs(ours[..., :3] - theirs[..., :3]) * opacity
    return float(max(colours.max(), np.abs(ours[..., 3] - theirs[..., 3]).max()))
