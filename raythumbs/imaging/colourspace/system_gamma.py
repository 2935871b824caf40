"""The system gamma of HLG acts on luminance (ITU-R BT.2100-2, table 5), while a profile's curves act on each colour."""

from functools import cache

from PIL import ImageFilter

from raythumbs.imaging.colourspace.primaries import BT2020, light
from raythumbs.imaging.colourspace.tone_map import HLG_GAMMA, hlg_light, hlg_sample

_POINTS = 17  # a side of the grid. No colour is off by more than 2 of 255, see the tests.


@cache
def system_gamma() -> ImageFilter.Color3DLUT:
    """Return the filter that makes samples in HLG ready for the curve of `tone_mapped`. Vivid colours become duller."""
    shares = light(BT2020)[1]

    def prepared(*samples: float) -> tuple[float, float, float]:
        scene = [hlg_light(sample) for sample in samples]
        luminance = sum(share * one for share, one in zip(shares, scene, strict=True))
        red, green, blue = (hlg_sample((one * luminance ** (HLG_GAMMA - 1)) ** (1 / HLG_GAMMA)) for one in scene)
        return red, green, blue

    return ImageFilter.Color3DLUT.generate(_POINTS, prepared)
