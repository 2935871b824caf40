"""Pillow's reader of JPEG without what thumbnails do not need.

Pillow reads a JPEG's first picture differently if further pictures follow (MPO, a gain map): by another class, with
other names and other errors. It also reads all of the Exif to find the resolution.
"""

from PIL import Image, JpegImagePlugin

NAME = "RAYTHUMBS JPEG"  # Pillow's own reader stays as it is for other users of Pillow


class Jpeg(JpegImagePlugin.JpegImageFile):
    """The first picture of a JPEG file."""

    def _read_dpi_from_exif(self) -> None:
        """Leave the resolution unknown."""


def register() -> None:
    """Make the reader known to `Image.open`, under its name."""
    Image.register_open(NAME, Jpeg, lambda start: start.startswith(b"\xff\xd8\xff"))
