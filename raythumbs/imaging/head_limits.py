"""How long a file's head may be, in every format.

Pillow reads a head in Python, at 1 to 3 microseconds for each segment, chunk or stray byte. Measured with Pillow 13.0:
100 MB of empty APP5 segments, of empty PNG chunks, of GIF comments of one byte or of the byte FF took more than 30 s
each. 100 MB of frame headers took 1.4 GB of memory, 12 million WebP chunks 5 s and 0.6 GB. Each head within these
limits is read in less than a second. `mend` applies them: it is the first to read a head.
"""

from raythumbs.errors import TooLarge

MIB = 1 << 20
MOST_PARTS = 1 << 16  # segments of a JPEG before its first scan; chunks of a PNG or WebP; blocks of a GIF
MOST_STRAY_BYTES = 1 << 16  # between the parts of a head
MOST_HEAD_BYTES = 32 * MIB  # profiles, previews and depth maps of phones


def at_most(found: int, most: int, what: str) -> None:
    """Raise TooLarge if more were found than are allowed."""
    if found > most:
        raise TooLarge(f"there are more than {most} {what}")
