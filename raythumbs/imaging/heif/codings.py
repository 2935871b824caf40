"""Refuses a HEIF whose picture is coded, or put together, in a way that no decoder here reads."""

from raythumbs.errors import Corrupt, UnsupportedFormat
from raythumbs.imaging.heif.meta import Meta
from raythumbs.imaging.heif.needed import needed_items

HEVC, AV1 = b"hvc1", b"av01"
_DERIVED = {HEVC: {b"grid", b"iovl", b"iden"}, AV1: {b"grid"}}  # what libheif and libavif put together

# ISO/IEC 14496-15, ISO/IEC 23008-12 (clause 6.6, annexes E to M) and ISO/IEC 23001-17
_NAMES = {
    b"avc1": "H.264",
    b"evc1": "EVC",
    b"grid": "tiles of tiles",
    b"iden": "derived from another in an unknown way",
    b"iovl": "an overlay",
    b"j2k1": "JPEG 2000",
    b"jpeg": "JPEG",
    b"lhv1": "HEVC in layers",
    b"mask": "a mask",
    b"tmap": "a tone map",
    b"unci": "uncompressed",
    b"vvc1": "H.266",
}


def coding_of(meta: Meta) -> bytes:
    """Return how the picture is coded: HEVC or AV1.

    Raises UnsupportedFormat if it is neither, or both, and Corrupt if a kind is no name.
    """
    kinds = {meta.kinds[item] for item in needed_items(meta) if item in meta.kinds}
    known = HEVC if HEVC in kinds else AV1
    other = sorted(kinds - {known} - _DERIVED[known])
    if not all(kind and kind.isascii() and kind.decode().isprintable() for kind in other):
        raise Corrupt("a part of the picture is of a kind that is no name")
    if other:
        names = " and ".join(_NAMES.get(kind, f"of kind {kind.decode()!r}") for kind in other)
        raise UnsupportedFormat(f"a HEIF file whose picture is {names}; only HEVC and AV1 are read")
    return known
