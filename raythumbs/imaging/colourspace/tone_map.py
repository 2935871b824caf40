"""High dynamic range to standard: from samples in PQ or HLG (ITU-R BT.2100-2) to light on an ordinary screen.

The white of a page, 203 cd/m² (ITU-R BT.2408-7, table 1), is the white of the screen. What is darker than about half of
it is kept. The brighter part, up to 1,000 cd/m², is rolled off by the curve of ITU-R BT.2390-11, 5.4.1, in each of red,
green and blue: very bright colours become paler, as on film.
"""

from collections.abc import Sequence
from math import exp, log, sqrt

from raythumbs.imaging.colourspace.curves import HLG

_M1, _M2 = 2610 / 16384, 2523 / 32  # BT.2100-2, table 4
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_PQ_PEAK = 10_000.0  # cd/m²
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073  # table 5
HLG_GAMMA = 1.2  # of a screen of 1,000 cd/m²
_STEPS = 255  # of samples of 8 bits


def _pq_light(sample: float) -> float:
    """Return the light of a sample in PQ, in cd/m²."""
    root = sample ** (1 / _M2)
    return float(_PQ_PEAK * (max(root - _C1, 0.0) / (_C2 - _C3 * root)) ** (1 / _M1))


def _pq_sample(light: float) -> float:
    """Return the sample in PQ of so much light, in cd/m²."""
    root = (light / _PQ_PEAK) ** _M1
    return float(((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2)


_WHITE, _PEAK = 203.0, 1000.0  # cd/m²
_PEAK_SAMPLE = _pq_sample(_PEAK)
_HIGHEST = _pq_sample(_WHITE) / _PEAK_SAMPLE
_KNEE = 1.5 * _HIGHEST - 0.5


def tone_mapped(transfer: int) -> Sequence[float]:
    """Return the light of each sample of 8 bits, as a share of the screen's white."""
    return [_pq_light(_rolled_off(_in_pq(transfer, step / _STEPS))) / _WHITE for step in range(_STEPS + 1)]


def hlg_light(sample: float) -> float:
    """Return the light in the scene of a sample in HLG, as a share of the most."""
    if sample <= 0.5:  # noqa: PLR2004 where the curve changes from a parabola to an exponential
        return sample**2 / 3
    return (exp((sample - _HLG_C) / _HLG_A) + _HLG_B) / 12


def hlg_sample(scene: float) -> float:
    """Return the sample in HLG for so much light in the scene."""
    return sqrt(3 * scene) if scene <= 1 / 12 else _HLG_A * log(12 * scene - _HLG_B) + _HLG_C


def _in_pq(transfer: int, sample: float) -> float:
    """Return a sample in PQ; one in HLG with the light that a screen of 1,000 cd/m² gives it."""
    return _pq_sample(_PEAK * hlg_light(sample) ** HLG_GAMMA) if transfer == HLG else sample


def _rolled_off(sample: float) -> float:
    share = min(sample / _PEAK_SAMPLE, 1.0)
    if share < _KNEE:
        return sample
    t = (share - _KNEE) / (1 - _KNEE)
    from_knee = (2 * t**3 - 3 * t**2 + 1) * _KNEE + (t**3 - 2 * t**2 + t) * (1 - _KNEE)
    return (from_knee + (3 * t**2 - 2 * t**3) * _HIGHEST) * _PEAK_SAMPLE
