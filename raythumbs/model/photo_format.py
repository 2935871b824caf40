"""PhotoFormat: the formats that photos may have. The decoder, its refusals, the doors and the page all read this list.

The formats that thumbnails may have are `Format` in photo.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFormat:
    """A format: its name for people, and Pillow's name for it; its media types and the endings of its files.

    `starts` is a pattern of the first bytes. By it a file that no decoder opens is called broken, and of this format.
    """

    name: str
    pillow_name: str
    media_types: tuple[str, ...]
    endings: tuple[str, ...]
    starts: bytes | None = None


PHOTO_FORMATS = (
    PhotoFormat(
        name="JPEG", pillow_name="JPEG", media_types=("image/jpeg",), endings=("jpg", "jpeg"), starts=rb"\xff\xd8\xff"
    ),
    PhotoFormat(
        name="PNG", pillow_name="PNG", media_types=("image/png",), endings=("png",), starts=rb"\x89PNG\r\n\x1a\n"
    ),
    PhotoFormat(
        name="WebP", pillow_name="WEBP", media_types=("image/webp",), endings=("webp",), starts=rb"RIFF.{4}WEBP"
    ),
    PhotoFormat(name="GIF", pillow_name="GIF", media_types=("image/gif",), endings=("gif",), starts=rb"GIF8[79]a"),
    PhotoFormat(
        name="TIFF",
        pillow_name="TIFF",
        media_types=("image/tiff",),
        endings=("tif", "tiff"),
        starts=rb"II[*+]\x00|MM\x00[*+]",
    ),
    PhotoFormat(name="BMP", pillow_name="BMP", media_types=("image/bmp",), endings=("bmp",)),  # "BM" begins many texts
    PhotoFormat(
        name="AVIF", pillow_name="AVIF", media_types=("image/avif",), endings=("avif",), starts=rb".{4}ftypavi[fs]"
    ),
    PhotoFormat(
        name="HEIC",
        pillow_name="HEIF",
        media_types=("image/heic", "image/heif"),
        endings=("heic", "heif"),
        starts=rb".{4}ftyp(?:he|mif|msf)",
    ),
)


def photo_types() -> frozenset[str]:
    """Return the media types of photos. Not image/svg+xml: a browser would run the scripts in it."""
    return frozenset(kind for one in PHOTO_FORMATS for kind in one.media_types)


def file_chooser_types() -> str:
    """Return what a browser's file chooser shows (HTML, `accept`). Not every system knows the types of new formats."""
    return ",".join(["image/*", *(f".{ending}" for one in PHOTO_FORMATS for ending in one.endings)])


def photo_format_names(formats: Sequence[PhotoFormat] = PHOTO_FORMATS) -> str:
    """Return the names as a part of a sentence: "JPEG, PNG and HEIC"."""
    *first, last = (one.name for one in formats)
    return f"{', '.join(first)} and {last}"
