"""Samples of any depth as 8 bits, and the picture of them."""

from functools import lru_cache

import numpy as np
from PIL import Image

from raythumbs.imaging.tiff.layout import Layout
from raythumbs.imaging.tiff.samples import Bytes, Samples
from raythumbs.imaging.tiff.tags import LABS, Alpha, Photometric
from raythumbs.imaging.tiff.white import white

_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}
_PAPER = {"CMYK": (0, 0, 0, 0), "LAB": (255, 128, 128)}  # white


def narrow(samples: Samples, layout: Layout, channel: int) -> Bytes:
    """Return a channel's samples of at most 16 bits, which have a known white, as 8 bits."""
    if layout.photometric in LABS and layout.bits == 16:  # noqa: PLR2004
        return _lab(samples, layout, channel)
    return samples if layout.bits == 8 else _scale(layout.bits)[samples]  # noqa: PLR2004


def scaled(samples: Samples, layout: Layout) -> Bytes:
    """Return samples of a whole picture as 8 bits: the colours by their white, and alpha by its own."""
    made = np.empty(samples.shape, np.uint8)
    for channels in (slice(0, layout.colours), slice(layout.colours, None)):
        if samples[..., channels].size:
            factor = np.float32(255 / white(samples[..., channels], layout))
            for row in range(len(samples)):
                found = np.nan_to_num(samples[row, :, channels] * factor, nan=0, posinf=255)
                made[row, :, channels] = np.clip(found + 0.5, 0, 255)
    return made


def picture_of(samples: Bytes, layout: Layout) -> Image.Image:
    """Return the picture of samples of 8 bits (row, column, channel), which may be changed: colours, then alpha."""
    if layout.photometric is Photometric.WHITE_IS_ZERO:
        samples[..., 0] ^= 255
    if layout.photometric is Photometric.ICC_LAB:
        samples[..., 1:3] ^= 128  # a and b begin at -128; Pillow takes them to be signed
    if layout.alpha is Alpha.NONE:
        return _image(layout.mode, samples)
    if layout.mode in _PAPER:
        return _on_paper(samples, layout)
    if layout.alpha is Alpha.PREMULTIPLIED:
        return _image(_PREMULTIPLIED[layout.mode], samples).convert(layout.mode)
    return _image(layout.mode, samples)


def _image(mode: str, samples: Bytes) -> Image.Image:
    height, width, _ = samples.shape
    return Image.frombuffer(mode, (width, height), np.ascontiguousarray(samples), "raw", mode, 0, 1)


def _on_paper(samples: Bytes, layout: Layout) -> Image.Image:
    picture = _image(layout.mode, samples[..., :-1])
    if layout.mode == "CMYK" and layout.alpha is Alpha.PREMULTIPLIED:
        return picture  # no ink is white
    ground = Image.new(layout.mode, picture.size, _PAPER[layout.mode])
    ground.paste(picture, mask=_image("L", samples[..., -1:]))
    return ground


def _lab(samples: Samples, layout: Layout, channel: int) -> Bytes:
    """Return 16-bit samples of Lab as 8 bits (TIFF 6.0, section 23).

    A step of a or b is 256, and in ICC Lab one of L too. In CIE Lab, L ends at 65535, and a and b are signed.
    """
    if channel >= layout.colours or (channel == 0 and layout.photometric is Photometric.CIE_LAB):
        return _scale(16)[samples]
    flipped = 0x8000 if layout.photometric is Photometric.CIE_LAB else 0  # so that the smallest is 0
    nearest: Bytes = (np.minimum((samples ^ flipped).astype(np.uint32) + 128, 0xFFFF) >> 8).astype(np.uint8)
    return nearest ^ np.uint8(flipped >> 8)


@lru_cache(maxsize=4)
def _scale(bits: int) -> Bytes:
    """Return the 8-bit value of each sample of that depth."""
    white = (1 << bits) - 1
    return ((np.arange(white + 1, dtype=np.uint32) * 255 + white // 2) // white).astype(np.uint8)
