"""The one colour of a PNG that means transparency, where Pillow does not keep all bits of its samples (PNG, 11.3.1.1).

Pillow keeps 8 of 16 bits of RGB. Compared by those alone, 255 further colours would be transparent too.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from PIL import Image, ImageChops, ImageFile

_SCALED_SAMPLES = {"L;2": 85, "L;4": 17}  # the factors by which Pillow multiplies samples of 2 and of 4 bits
_WIDE, _LOW_BYTES = "RGB;16B", "RGB;16L"  # Pillow's names: it keeps the first byte of each sample, or the second


def is_wide(picture: Image.Image) -> bool:
    """Return whether a picture has 16 bits a sample and a transparent colour. Ask before its pixels are read."""
    tiles = picture.tile if isinstance(picture, ImageFile.ImageFile) else []
    return bool(tiles) and tiles[0].args == _WIDE and isinstance(picture.info.get("transparency"), tuple)


def scale_clear_sample(picture: ImageFile.ImageFile) -> None:
    """Scale the transparent sample of a grey picture as Pillow scales the pixels: Pillow leaves it as it is."""
    clear, rawmode = picture.info.get("transparency"), picture.tile[0].args if picture.tile else None
    if rawmode in _SCALED_SAMPLES and isinstance(clear, int):
        picture.info["transparency"] = clear * _SCALED_SAMPLES[rawmode]


def with_wide_colour_clear(picture: ImageFile.ImageFile, file: BinaryIO) -> Image.Image:
    """Return the decoded wide picture as RGBA: the file is decoded again, for the low bytes of its samples."""
    clear: Sequence[int] = picture.info["transparency"]
    file.seek(0)
    with Image.open(file, formats=["PNG"]) as low:
        low.tile = [low.tile[0]._replace(args=_LOW_BYTES)]
        low.load()
        opaque = Image.new("L", picture.size, 0)
        for band, value in (
            *_bands(picture, [sample >> 8 for sample in clear]),
            *_bands(low, [s & 255 for s in clear]),
        ):
            opaque = ImageChops.lighter(opaque, band.point([0 if sample == value else 255 for sample in range(256)]))
    bare = Image.Image()._new(picture.im)  # noqa: SLF001 without the transparent colour
    bare.putalpha(opaque)
    return bare


def _bands(picture: Image.Image, values: Sequence[int]) -> Iterator[tuple[Image.Image, int]]:
    for band, value in enumerate(values):
        yield picture.getchannel(band), value
