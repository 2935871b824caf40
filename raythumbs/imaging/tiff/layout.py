"""How the first picture of a TIFF lies in its file: the tags that its pixels need, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from raythumbs.errors import Corrupt, Truncated, UnsupportedFormat, ZeroSized
from raythumbs.imaging.tiff.palette import palette
from raythumbs.imaging.tiff.tags import (
    COLOURS,
    Alpha,
    Compression,
    Numbers,
    Photometric,
    Tag,
    compression,
    is_one_jpeg,
    many,
    one,
    photometric,
)

GROUP_BYTES = 1 << 20  # strips or tiles that are unpacked together: libtiff is opened anew for each group
_MOST_SAMPLES = 64  # a pixel
_MODES = {
    Photometric.WHITE_IS_ZERO: "L",
    Photometric.BLACK_IS_ZERO: "L",
    Photometric.RGB: "RGB",
    Photometric.PALETTE: "RGB",
    Photometric.CMYK: "CMYK",
    Photometric.YCBCR: "RGB",
    Photometric.CIE_LAB: "LAB",
    Photometric.ICC_LAB: "LAB",
}
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}
_ALPHAS = {1: Alpha.PREMULTIPLIED, 2: Alpha.STRAIGHT, 999: Alpha.STRAIGHT}  # 999: Corel Draw 10
_SEPARATE = 2
_KINDS_OF_NUMBERS = {1: Numbers.UNSIGNED, 2: Numbers.SIGNED, 3: Numbers.FLOAT, 4: Numbers.UNSIGNED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The size in pixels, the samples of a pixel, and where the strips or tiles lie.

    `block` is the width and height of a strip or tile. Blocks lie row by row; if `separate`, plane after plane.
    `offsets` and `sizes` have an entry for each block.
    """

    width: int
    height: int
    photometric: Photometric
    compression: Compression
    samples: int
    bits: int
    numbers: Numbers
    extra: tuple[int, ...]
    separate: bool
    predictor: int
    reversed_bits: bool
    block: tuple[int, int]
    tiled: bool
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    palette: bytes  # red, green and blue of each index

    @property
    def colours(self) -> int:
        """The number of samples of a pixel's colour."""
        return COLOURS[self.photometric]

    @property
    def blocks_across(self) -> int:
        """The number of blocks from the left to the right."""
        return -(-self.width // self.block[0])

    @property
    def blocks_down(self) -> int:
        """The number of blocks from the top to the bottom."""
        return -(-self.height // self.block[1])

    @property
    def row_bytes(self) -> int:
        """The number of bytes of a block's row when it is unpacked."""
        return -(-self.block[0] * (1 if self.separate else self.samples) * self.bits // 8)

    @property
    def alpha_at(self) -> int | None:
        """The place of alpha among the samples of a pixel. One sample too many that nothing explains is alpha."""
        if not self.extra:
            return self.colours if self.samples == self.colours + 1 else None
        return next((self.colours + n for n, kind in enumerate(self.extra) if kind in _ALPHAS), None)

    @property
    def alpha(self) -> Alpha:
        """What kind of alpha the pixels have."""
        if self.alpha_at is None:
            return Alpha.NONE
        return _ALPHAS[self.extra[self.alpha_at - self.colours]] if self.extra else Alpha.STRAIGHT

    @property
    def needed(self) -> tuple[int, ...]:
        """The places of the samples that a picture is made of: the colours, and alpha."""
        colours = tuple(range(self.colours))
        return colours if self.alpha_at is None else (*colours, self.alpha_at)

    @property
    def mode(self) -> str:
        """The mode of the picture. Pillow has no alpha for CMYK and Lab: these are laid on white."""
        plain = _MODES[self.photometric]
        return plain if self.alpha is Alpha.NONE else _WITH_ALPHA.get(plain, plain)

    @property
    def shown(self) -> int:
        """The number of samples of a pixel of the picture."""
        return len(self.needed) + (2 if self.photometric is Photometric.PALETTE else 0)

    @property
    def is_wide(self) -> bool:
        """Whether only the whole picture shows which sample is white."""
        return self.bits > 16 or self.numbers is not Numbers.UNSIGNED  # noqa: PLR2004 white is 65535 at most

    @classmethod
    def of(cls, tags: Mapping[int, Any]) -> Self:
        """Return the layout that the tags describe. Raises a BadPicture if they make no picture that is read."""
        return cls(**_pixels(tags), **_places(tags))


def _pixels(tags: Mapping[int, Any]) -> dict[str, Any]:
    """Return the fields that describe a pixel."""
    means, packed = photometric(tags), compression(tags)
    samples = one(tags, Tag.SAMPLES, 3 if packed == Compression.OLD_JPEG else 1)
    if not 1 <= samples <= _MOST_SAMPLES:
        raise UnsupportedFormat(f"a TIFF of {samples} samples a pixel")
    if samples < COLOURS[means]:
        raise Corrupt(f"the TIFF has {samples} samples a pixel, which make no colour")
    numbers = _same(tags, Tag.SAMPLE_FORMAT, samples, 1)
    if numbers not in _KINDS_OF_NUMBERS:
        raise UnsupportedFormat(f"a TIFF of numbers of kind {numbers}")
    extra = many(tags, Tag.EXTRA_SAMPLES)
    bits = _same(tags, Tag.BITS, samples, 8 if packed in {Compression.JPEG, Compression.OLD_JPEG} else 1)
    return {
        "photometric": means,
        "compression": packed,
        "samples": samples,
        "bits": bits,
        "numbers": _KINDS_OF_NUMBERS[numbers],
        "extra": extra[: samples - COLOURS[means]],
        "predictor": one(tags, Tag.PREDICTOR, 1),
        "reversed_bits": one(tags, Tag.FILL_ORDER, 1) == 2,  # noqa: PLR2004 the lowest bit first
        "palette": palette(many(tags, Tag.COLOUR_MAP), bits=bits) if means is Photometric.PALETTE else b"",
    }


def _same(tags: Mapping[int, Any], tag: Tag, samples: int, otherwise: int) -> int:
    """Return the value that a tag has for every sample."""
    values = set(many(tags, tag)[:samples]) or {otherwise}
    if len(values) > 1:
        raise UnsupportedFormat("a TIFF whose samples are of different kinds")
    return values.pop()


def _places(tags: Mapping[int, Any]) -> dict[str, Any]:
    """Return the fields that say where the strips or tiles lie. Raises Truncated if the file has too few of them."""
    if Tag.WIDTH not in tags or Tag.HEIGHT not in tags:
        raise Corrupt("a broken TIFF file: its directory says no size of a picture")
    width, height = one(tags, Tag.WIDTH, 0), one(tags, Tag.HEIGHT, 0)
    if not width or not height:
        raise ZeroSized("the picture has no width or no height")
    tiled = Tag.TILE_OFFSETS in tags and Tag.TILE_WIDTH in tags
    if tiled:
        block = one(tags, Tag.TILE_WIDTH, 0), one(tags, Tag.TILE_HEIGHT, 0)
    else:
        block = width, min(one(tags, Tag.ROWS_PER_STRIP, height) or height, height)
    if 0 in block:
        raise Corrupt("the TIFF's tiles have no width or no height")
    separate = one(tags, Tag.PLANAR, 1) == _SEPARATE and one(tags, Tag.SAMPLES, 1) > 1
    planes = one(tags, Tag.SAMPLES, 1) if separate else 1
    blocks = -(-width // block[0]) * -(-height // block[1]) * planes
    if Tag.TILE_OFFSETS not in tags and Tag.STRIP_OFFSETS not in tags and not is_one_jpeg(tags):
        raise Corrupt("a broken TIFF file: its directory names no strips or tiles")
    offsets = many(tags, Tag.TILE_OFFSETS if tiled else Tag.STRIP_OFFSETS)[:blocks]
    if len(offsets) < blocks and not is_one_jpeg(tags):
        raise Truncated(f"the TIFF has {len(offsets)} of {blocks} strips or tiles")
    return {
        "width": width,
        "height": height,
        "separate": separate,
        "block": block,
        "tiled": tiled,
        "offsets": offsets,
        "sizes": many(tags, Tag.TILE_SIZES if tiled else Tag.STRIP_SIZES)[:blocks],
    }
