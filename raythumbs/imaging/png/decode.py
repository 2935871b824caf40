"""Decodes a PNG."""

from typing import BinaryIO

from PIL import Image, ImageFile

from raythumbs.errors import Corrupt, Truncated
from raythumbs.imaging.admit import admit
from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.decoder_errors import ENDS_TOO_SOON, translated
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.plan import Needs
from raythumbs.imaging.png.clear_colour import is_wide, scale_clear_sample, with_wide_colour_clear
from raythumbs.imaging.png.data import WRONG_CHECKSUM, lacks_rows, may_lack_rows, without_checksum
from raythumbs.imaging.png.native import decoded
from raythumbs.imaging.png.target import smaller_size, target
from raythumbs.imaging.probe import probe
from raythumbs.imaging.renditions_memory import renditions_bytes


def decode_png(picture: ImageFile.ImageFile, file: BinaryIO, needs: Needs, limits: Limits) -> Decoded:
    """Return the picture with its pixels. Raises Truncated if rows are missing, and Corrupt for broken data."""
    wanted = target(picture, needs)
    if limits.native and (pixels := decoded(picture, file, wanted)):
        width, height = wanted.size
        return Decoded(pixels, picture.size, (float(width), float(height)))
    if smaller_size(picture, needs, native=limits.native):
        admit(picture, limits, needs.scale(picture.width), renditions_bytes(picture, needs))  # all of it, by Pillow
    return _by_pillow(picture, file)


def _by_pillow(picture: ImageFile.ImageFile, file: BinaryIO) -> Decoded:
    has_wide_clear_colour = is_wide(picture)
    notes: tuple[str, ...] = ()
    try:
        _load(picture)
    except Corrupt:
        if (file_without := without_checksum(file)) is None:
            raise
        file, notes = file_without, (WRONG_CHECKSUM,)
    if notes:
        picture._im = None  # noqa: SLF001 the memory is needed for a second picture
        picture = probe(file)
        _load(picture)
    if may_lack_rows(picture) and lacks_rows(file):
        raise Truncated(ENDS_TOO_SOON)
    with translated():
        pixels: Image.Image = with_wide_colour_clear(picture, file) if has_wide_clear_colour else picture
    return Decoded(pixels, pixels.size, pixels.size, notes)


def _load(picture: ImageFile.ImageFile) -> None:
    with translated():
        scale_clear_sample(picture)
        picture.load()
