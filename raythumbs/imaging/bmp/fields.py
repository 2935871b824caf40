"""Pixels whose samples are fields of bits anywhere in 16 or 32 bits."""

from collections.abc import Iterator, Sequence
from typing import IO

from PIL import Image, ImageChops, ImageFile

NAME = "raythumbs_bmp_fields"

_BYTES_AS = {2: "LA", 4: "RGBA"}  # modes that have as many bytes a pixel
_STRIP_ROWS = 64
_WHITE = 255


class FieldsDecoder(ImageFile.PyDecoder):
    """Decodes the rows. Its arguments: the masks of red, green, blue and alpha; bytes a pixel; whether top comes first.

    Alpha that is 0 everywhere means nothing: Windows' programs write it so, and read the picture as opaque.
    """

    _pulls_fd = True

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:  # noqa: ARG002 it reads from the file
        """Read all rows from the file, some at a time."""
        assert self.fd is not None  # noqa: S101 Pillow's own way
        assert self.im is not None  # noqa: S101
        masks, pixel_bytes, is_top_first = self.args
        used = masks if masks[3] else masks[:3]
        width, height = self.state.xsize, self.state.ysize
        highest = 0
        for top in range(0, height, _STRIP_ROWS):
            rows = min(_STRIP_ROWS, height - top)
            strip = _strip(self.fd, (width, rows), pixel_bytes)
            pixels = Image.merge("RGBA" if masks[3] else "RGB", [_sample(strip, mask) for mask in used])
            if not is_top_first:
                pixels = pixels.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
            place = top if is_top_first else height - top - rows
            self.im.paste(pixels.im, (0, place, width, place + rows))
            highest = max(highest, pixels.getextrema()[-1][1])  # type: ignore[index]
        if masks[3] and not highest:
            self.im.fillband(3, _WHITE)
        return -1, 0


def _strip(file: IO[bytes], size: tuple[int, int], pixel_bytes: int) -> Sequence[Image.Image]:
    """Return the bytes of some rows: a grey picture for each byte of a pixel. Rows are padded to 4 bytes."""
    stride = -(-size[0] * pixel_bytes // 4) * 4
    data = file.read(stride * size[1])
    if len(data) < stride * (size[1] - 1) + size[0] * pixel_bytes:
        raise OSError("image file is truncated")
    mode = _BYTES_AS[pixel_bytes]
    return Image.frombuffer(mode, size, data.ljust(stride * size[1], b"\0"), "raw", mode, stride, 1).split()


def _sample(strip: Sequence[Image.Image], mask: int) -> Image.Image:
    """Return one sample of all pixels, stretched to 8 bits: the sum of what each byte adds to it."""
    total = Image.new("L", strip[0].size, 0)
    for table, byte in zip(_tables(mask, len(strip)), strip, strict=True):
        if any(table):
            total = ImageChops.add(total, byte.point(table))
    return total


def _tables(mask: int, count: int) -> Iterator[list[int]]:
    """Give, for each byte of a pixel from the lowest on, what its values add to the sample.

    The lowest byte that adds anything is rounded up or down, and the others down, so that the sum is right within 1.
    """
    mask &= (1 << 8 * count) - 1
    shift = (mask & -mask).bit_length() - 1 if mask else 0
    most = mask >> shift
    rounding = most // 2
    for number in range(count):
        parts = [(value << 8 * number & mask) >> shift for value in range(256)]
        yield [(part * _WHITE + rounding) // most if most else 0 for part in parts]
        rounding = 0 if any(parts) else rounding
