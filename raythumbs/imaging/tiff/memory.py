"""The memory to read a TIFF's pixels, besides the picture itself. A test measures it."""

from raythumbs.imaging.tiff.layout import GROUP_BYTES, Layout
from raythumbs.imaging.tiff.reader import Reader
from raythumbs.imaging.tiff.tags import Alpha, Compression, Photometric

_COPIES_OF_GROUP = 4  # libtiff's buffer, Pillow's picture of bytes, its rows, and all of them joined
_ROWS_BYTES = 4 << 20  # the rows that become samples at one time
_BYTES_OF_SAMPLE = 24  # with its copies, while it becomes 8 bits


def working_bytes(layout: Layout, reader: Reader, file_bytes: int) -> int:
    """Return the bytes that are needed besides the picture while its pixels are read."""
    return _our_bytes(layout, file_bytes) if reader is Reader.OURS else _libtiff_bytes(layout, reader, file_bytes)


def _our_bytes(layout: Layout, file_bytes: int) -> int:
    """Return the bytes of the picture's samples, and of the blocks or the pictures that are beside them at one time."""
    pixels = layout.width * layout.height
    samples = pixels * layout.shown * (5 if layout.is_wide else 1)  # a float, and its 8 bits
    on_paper = pixels * 13 if layout.mode in {"CMYK", "LAB"} and layout.alpha is not Alpha.NONE else 0
    divided = pixels * 4 if layout.alpha is Alpha.PREMULTIPLIED else 0
    return samples + max(on_paper + divided, _group_bytes(layout, file_bytes) + _rows_bytes(layout))


def _group_bytes(layout: Layout, file_bytes: int) -> int:
    """Return the bytes of the blocks that are unpacked together."""
    block = layout.row_bytes * layout.block[1]
    everything = block * layout.blocks_across * layout.blocks_down
    group = min(everything, max(block, GROUP_BYTES))
    if layout.compression is Compression.NONE:
        return min(everything, max(layout.row_bytes, GROUP_BYTES))
    return _COPIES_OF_GROUP * group + min(2 * file_bytes, 4 * group)


def _rows_bytes(layout: Layout) -> int:
    """Return the bytes of the rows that become samples at one time."""
    a_row = layout.block[0] * (1 if layout.separate else layout.samples) * _BYTES_OF_SAMPLE
    rows = layout.block[1] if layout.tiled else layout.height  # strips are taken together
    return min(a_row * rows, max(a_row, _ROWS_BYTES))


def _libtiff_bytes(layout: Layout, reader: Reader, file_bytes: int) -> int:
    """Return the bytes of the file, if it is packed, and of one strip or tile."""
    if layout.compression is Compression.NONE and reader is Reader.PILLOW:
        return 0
    pixels = min(layout.block[0], 2 * layout.width) * min(layout.block[1], 2 * layout.height)
    strip = pixels * max(4, layout.samples * layout.bits // 8)
    as_rgb = pixels * 4 if layout.photometric is Photometric.YCBCR else 0
    return strip + as_rgb + file_bytes
