"""How long a file's head may be, in every format."""

from raythumbs.errors import TooLarge

MIB = 1 << 20
MOST_PARTS = 1 << 16  # segments of a JPEG before its first scan; chunks of a PNG or WebP; blocks of a GIF
MOST_STRAY_BYTES = 1 << 16  # between the parts of a head
MOST_HEAD_BYTES = 32 * MIB  # profiles, previews and depth maps of phones


def at_most(found: int, most: int, what: str) -> None:
    """Raise TooLarge if more were found than are allowed."""
    if found > most:
        raise TooLarge(f"there are more than {most} {what}")
