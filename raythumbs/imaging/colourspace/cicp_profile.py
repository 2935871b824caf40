"""The colour profile for numbers of ITU-T H.273, by which PNG, AVIF and HEIC files name their colours."""

from functools import lru_cache

from raythumbs.imaging.colourspace import curves, primaries
from raythumbs.imaging.colourspace.icc import AnyCurve, grey_profile, rgb_profile
from raythumbs.imaging.colourspace.tone_map import tone_mapped

HIGH_DYNAMIC_RANGE = frozenset({curves.PQ, curves.HLG})
_RGB_OF_FULL_RANGE = (0, 1)


@lru_cache(maxsize=32)
def cicp_profile(space: int, transfer: int, *, grey: bool) -> bytes | None:
    """Return the profile for these primaries and this transfer, or None if they are those of sRGB.

    The profile of PQ or HLG maps tones to standard range. Raises ValueError for a number without a known meaning.
    """
    if space not in primaries.BY_NUMBER or transfer not in curves.BY_NUMBER.keys() | HIGH_DYNAMIC_RANGE:
        raise ValueError(f"colours of an unknown kind: primaries {space}, transfer {transfer}")
    chromaticities = primaries.BY_NUMBER[space]
    curve: AnyCurve = tone_mapped(transfer) if transfer in HIGH_DYNAMIC_RANGE else curves.BY_NUMBER[transfer]
    if curve == curves.SRGB and (grey or chromaticities == primaries.BT709):
        return None
    if grey:
        return grey_profile(curve)
    return rgb_profile(
        primaries.colorants(chromaticities), [curve] * 3, code_points=bytes([space, transfer, *_RGB_OF_FULL_RANGE])
    )
