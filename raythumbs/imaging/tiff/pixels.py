"""Reads a TIFF's pixels without Pillow's TIFF reader. It imports numpy, so it is itself imported only when needed."""

from typing import BinaryIO

import numpy as np
from PIL import Image

from raythumbs.imaging.tiff.blocks import Block, unpacked
from raythumbs.imaging.tiff.eight_bits import narrow, picture_of, scaled
from raythumbs.imaging.tiff.layout import Layout
from raythumbs.imaging.tiff.samples import Bytes, Samples, samples
from raythumbs.imaging.tiff.tags import Photometric

_AT_ONCE = 1 << 17  # samples: their copies on the way take up to 24 bytes each


def read_pixels(file: BinaryIO, layout: Layout, *, big_endian: bool) -> Image.Image:
    """Return the picture, with 8 bits a sample. Raises Truncated if pixels are missing, or Corrupt."""
    with np.errstate(all="ignore"):
        canvas = _Canvas(layout, big_endian=big_endian)
        for block, rows in unpacked(file, layout):
            canvas.put(block, rows)
        return picture_of(scaled(canvas.samples, layout) if layout.is_wide else canvas.samples, layout)


class _Canvas:
    """The samples of the whole picture: of 8 bits, or as they are where only the whole picture shows what is white."""

    def __init__(self, layout: Layout, *, big_endian: bool) -> None:
        self._layout = layout
        self._big_endian = big_endian
        self._needed = list(layout.needed)
        self._colours: Bytes | None = None
        if layout.photometric is Photometric.PALETTE:
            self._colours = np.frombuffer(layout.palette, np.uint8).reshape(-1, 3)
        kind = np.float32 if layout.is_wide else np.uint8
        self.samples: Samples = np.zeros((layout.height, layout.width, layout.shown), kind)

    def put(self, block: Block, rows: Bytes) -> None:
        """Put the part of a block that lies in the picture there, some rows at a time."""
        channels = 1 if self._layout.separate else self._layout.samples
        step = max(1, _AT_ONCE // (self._layout.block[0] * channels))
        down = min(block.rows, self._layout.height - block.y)
        for start in range(0, down, step):
            self._put(block, block.y + start, rows[start : min(down, start + step)])

    def _put(self, block: Block, y: int, rows: Bytes) -> None:
        layout = self._layout
        channels = 1 if layout.separate else layout.samples
        found = samples(rows, layout, channels=channels, big_endian=self._big_endian)
        found = found[:, : layout.width - block.x]
        place = self.samples[y : y + len(found), block.x : block.x + found.shape[1]]
        if layout.separate:
            self._put_channel(place, self._needed.index(block.plane), found[..., 0])
            return
        for channel, sample in enumerate(self._needed):
            self._put_channel(place, channel, found[..., sample])

    def _put_channel(self, place: Samples, channel: int, found: Samples) -> None:
        if self._colours is not None and channel == 0:
            place[..., :3] = self._colours[found]
            return
        at = channel + (2 if self._colours is not None else 0)  # an index became three colours
        place[..., at] = found if self._layout.is_wide else narrow(found, self._layout, channel)
