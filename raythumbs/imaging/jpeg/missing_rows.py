"""Which rows of a JPEG are there: whether its data ends before its picture does.

libjpeg fills missing pixels with grey and only warns, and Pillow does not pass the warning on.
"""

from PIL import Image, ImageChops, JpegImagePlugin

_GREY = range(126, 130)  # missing blocks decode to half of 255, rounded either way
_STRIP_ROWS = 64
_LEAST_GREY_ROWS = 2


def may_lack_pixels(picture: Image.Image) -> bool:
    """Return whether the last column ends in grey, or has a run of grey as high as a restart's missing blocks."""
    last = picture.crop((picture.width - 1, 0, picture.width, picture.height))
    pixels = last.tobytes()
    bands = len(picture.getbands())
    return all(sample in _GREY for sample in pixels[-bands:]) or any(
        bytes([grey]) * bands * _LEAST_GREY_ROWS in pixels for grey in _GREY
    )


def sound_rows(picture: JpegImagePlugin.JpegImageFile, longer: Image.Image, eighths: int) -> int:
    """Return how many of the picture's rows are there, from the top; all of them if no pixel is missing.

    `longer` is the picture of the same file with more data. Rows from the first difference on are missing, and so is
    all of the row of blocks in which it lies. The row above is mixed with their colours.
    """
    first = _first_difference(picture, longer)
    if first is None:
        return picture.height
    blocks = max(down for _, _, down, _ in picture.layer) * eighths
    return max(0, (first + 1) // blocks * blocks - 1)


def _first_difference(one: Image.Image, other: Image.Image) -> int | None:
    """Return the first row in which two pictures of the same size differ. Compares a strip at a time, for memory."""
    for top in range(0, one.height, _STRIP_ROWS):
        strip = (0, top, one.width, min(top + _STRIP_ROWS, one.height))
        if box := ImageChops.difference(one.crop(strip), other.crop(strip)).getbbox(alpha_only=False):
            return top + box[1]
    return None
