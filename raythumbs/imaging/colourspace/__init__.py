"""The step `describe`: one colour profile for all the ways in which files describe their colours."""

from typing import BinaryIO

from PIL import Image

from raythumbs.imaging.cicp import cicp
from raythumbs.imaging.colourspace.bmp import header_profile
from raythumbs.imaging.colourspace.cicp_profile import HIGH_DYNAMIC_RANGE, cicp_profile
from raythumbs.imaging.colourspace.png import chunk_profile, code_points, full_range
from raythumbs.imaging.profile import profile_code_points

TONE_MAPPED = "high dynamic range: tone-mapped to standard range"
DESCRIPTION_IGNORED = "description of the colours ignored: it is impossible, or of an unknown kind"

_GREY = {"1", "L", "LA", "La", "I", "F"}
_CONTAINERS = {"AVIF", "HEIF"}


def describe(picture: Image.Image, file: BinaryIO) -> tuple[str, ...]:
    """Give the picture, of which only the header is read, the profile that its file's description amounts to.

    The profile is in `info`, like one that the file contains. Return what is worth a note.
    """
    place = file.tell()
    try:
        return _describe(picture, file)
    except ValueError:
        return (DESCRIPTION_IGNORED,)
    finally:
        file.seek(place)


def _describe(picture: Image.Image, file: BinaryIO) -> tuple[str, ...]:
    grey = picture.mode in _GREY or picture.mode.startswith("I;16")
    points = _code_points(picture, file)
    if points:
        _set_profile(picture, cicp_profile(*points, grey=grey))
        return (TONE_MAPPED,) if points[1] in HIGH_DYNAMIC_RANGE else ()
    if picture.format == "PNG" and not picture.info.get("icc_profile"):
        _set_profile(picture, chunk_profile(picture.info, grey=grey))
    elif picture.format == "BMP":
        _set_profile(picture, header_profile(file, grey=grey))
    return ()


def _code_points(picture: Image.Image, file: BinaryIO) -> tuple[int, int] | None:
    """Return the numbers of the primaries and of the transfer, if these are what counts.

    The chunk of a PNG counts more than a profile (Portable Network Graphics, third edition, table 12). The profile of
    an AVIF or a HEIC counts more than its code points, as in Chromium (avif_image_decoder.cc).
    """
    profile = picture.info.get("icc_profile")
    if picture.format == "PNG" and (chunk := code_points(file)) is not None:
        return full_range(chunk)
    if profile:
        points = profile_code_points(profile)
        return points if points and points[1] in HIGH_DYNAMIC_RANGE else None
    if picture.format in _CONTAINERS and (told := cicp(file)):
        return told[0], told[1]
    return None


def _set_profile(picture: Image.Image, profile: bytes | None) -> None:
    picture.info["icc_profile"] = profile
