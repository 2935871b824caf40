"""How much memory the coefficients of a JPEG take."""

from PIL import JpegImagePlugin

from raythumbs.imaging.jpeg.scale import divisor_of

_COEFFICIENT_BYTES = 2
_SPARE = 1.02


def several_scans_bytes(picture: JpegImagePlugin.JpegImageFile, *, file_bytes: int) -> int:
    """Return the memory that a JPEG of several scans takes besides its pixels; `file_bytes` is the file's size.

    A decoder holds the coefficients of the whole photo, at whatever scale it decodes, and the file. To take the needed
    scans out of the file takes twice the file's size.
    """
    samples = [across * down for _, across, down, _ in picture.layer]
    most = max(across for _, across, _, _ in picture.layer) * max(down for _, _, down, _ in picture.layer)
    pixels = picture.width * picture.height * divisor_of(picture) ** 2
    coefficients = pixels * sum(samples) / most * _COEFFICIENT_BYTES * _SPARE
    return max(int(coefficients) + file_bytes, 2 * file_bytes)
