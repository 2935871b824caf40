"""The colours of a TIFF's palette."""

from collections.abc import Sequence

from raythumbs.errors import Corrupt, UnsupportedFormat

_MOST_BITS = 16
_SIXTEEN_BITS, _EIGHT_BITS = 1 << 16, 1 << 8


def palette(colour_map: Sequence[int], *, bits: int) -> bytes:
    """Return the palette as bytes: red, green and blue of each index. Raises Corrupt if it is broken.

    Its values have 16 bits (TIFF 6.0, section 5). Some programs write 8; libtiff tells them apart in the same way
    (tif_getimage.c, checkcmap).
    """
    if bits > _MOST_BITS:
        raise UnsupportedFormat(f"a TIFF of a palette and indices of {bits} bits")
    count = 1 << bits
    if len(colour_map) != 3 * count:
        raise Corrupt(f"the TIFF's palette has {len(colour_map)} values instead of {3 * count}")
    most = max(colour_map)
    if most >= _SIXTEEN_BITS:
        raise Corrupt(f"the TIFF's palette has the value {most}")
    values = bytes(colour_map) if most < _EIGHT_BITS else bytes(value >> 8 for value in colour_map)
    made = bytearray(3 * count)
    for channel in range(3):
        made[channel::3] = values[channel * count : (channel + 1) * count]
    return bytes(made)
