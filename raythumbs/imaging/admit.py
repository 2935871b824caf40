"""The step `admit`: refuses a picture that needs too much memory, before its pixels are allocated."""

from PIL import Image

from raythumbs.errors import NeedsMemory, TooLarge
from raythumbs.imaging.decoder_errors import translated
from raythumbs.imaging.limits import Limits
from raythumbs.imaging.memory import predicted_bytes


def admit(
    picture: Image.Image,
    limits: Limits,
    scale: float = 0.0,
    renditions_bytes: int = 0,
    *,
    smaller: tuple[int, int] | None = None,
) -> None:
    """Return if a picture fits the limits when it is decoded, resampled to `scale`, and its renditions are made.

    `smaller` is the size at which a PNG is decoded, if it is not its own size.

    Its pixels are not read yet. Raises NeedsMemory if it fits `limits.elsewhere_bytes`, and TooLarge if it fits
    neither limit.
    """
    with translated():
        needed = predicted_bytes(picture, scale, renditions_bytes, smaller=smaller)
    if needed > limits.decode_bytes:
        reason = f"{picture.width}x{picture.height} pixels and their thumbnails need {needed} bytes of memory"
        if needed <= limits.elsewhere_bytes:
            raise NeedsMemory(reason, needed)
        raise TooLarge(f"{reason}; at most {max(limits.decode_bytes, limits.elsewhere_bytes)} are given")
