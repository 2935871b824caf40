"""Converts planes of Y, Cb and Cr of one size to RGB (ITU-T H.273, 8.3)."""

from PIL import Image

_LUMA = {  # the shares of red and blue in Y, by the number of the matrix
    1: (0.2126, 0.0722),  # BT.709
    2: (0.299, 0.114),  # unspecified: libheif takes it for BT.601
    5: (0.299, 0.114),
    6: (0.299, 0.114),  # BT.601
    9: (0.2627, 0.0593),  # BT.2020
}
_MIDDLE = 128


def is_known(matrix: int) -> bool:
    """Return whether planes with this matrix can be converted."""
    return matrix in _LUMA


def to_rgb(planes: tuple[Image.Image, Image.Image, Image.Image], matrix: int, *, full_range: bool) -> Image.Image:
    """Return the picture of these planes."""
    red, blue = _LUMA[matrix]
    green = 1 - red - blue
    black, light, colour = (0, 1.0, 1.0) if full_range else (16, 255 / 219, 255 / 224)
    of_cr = 2 * (1 - red) * colour
    of_cb = 2 * (1 - blue) * colour
    rows = ((0.0, of_cr), (-of_cb * blue / green, -of_cr * red / green), (of_cb, 0.0))
    numbers: list[float] = []
    for cb, cr in rows:
        numbers += [light, cb, cr, -light * black - (cb + cr) * _MIDDLE]
    return Image.merge("RGB", planes).convert("RGB", tuple(numbers))
