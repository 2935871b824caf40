"""The curves from the samples of a file to light."""

from dataclasses import dataclass

_PHI = 0.055


@dataclass(frozen=True, slots=True)
class Curve:
    """The light of a sample x: (scale·x + offset)^gamma from `knee` on, and below it slope·x.

    This is the parametric curve of type 3 (ICC.1:2022, table 68).
    """

    gamma: float
    scale: float = 1.0
    offset: float = 0.0
    slope: float = 0.0
    knee: float = 0.0


SRGB = Curve(2.4, 1 / (1 + _PHI), _PHI / (1 + _PHI), 1 / 12.92, 0.04045)  # IEC 61966-2-1
BY_NUMBER = {  # ITU-T H.273, table 3
    1: SRGB,  # BT.709. Chromium (ui/gfx/color_space.cc) and other programs show its kin like sRGB.
    2: SRGB,  # unspecified
    4: Curve(2.2),
    5: Curve(2.8),
    6: SRGB,
    7: Curve(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 4 * 0.0228),
    8: Curve(1.0),
    11: SRGB,
    12: SRGB,
    13: SRGB,
    14: SRGB,
    15: SRGB,
    17: Curve(2.6),
}
PQ, HLG = 16, 18
