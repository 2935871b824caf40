"""ThumbHash: a picture in about 25 bytes, which an app shows until the thumbnail has loaded.

The format is Evan Wallace's (https://evanw.github.io/thumbhash/). It holds brightness and two differences of colour as
cosines, only the slow ones, in four bits each; the shape of the picture; and its alpha, if it has any.
"""

from collections.abc import Iterable, Sequence
from ctypes import Array, c_double
from dataclasses import dataclass
from functools import cache
from math import cos, floor, pi
from operator import mul

from PIL import Image

from raythumbs.imaging.native.library import loaded
from raythumbs.model.photo import RenditionSpec

_SIDE = 32  # pixels. The format allows 100, but it keeps at most seven half waves across.
HASHED = RenditionSpec(width=_SIDE, height=_SIDE)  # the picture that the hash is made of
_LEAST_SIDE = 8  # fewer pixels cannot hold seven half waves, so thinner pictures are stretched
_OPAQUE = 255
# From R, G, B of 0..255 to brightness (R+G+B)/3, yellow-blue (R+G)/2-B and red-green R-G. The last two are centred on
# the middle.
_TO_LPQ = (1 / 3, 1 / 3, 1 / 3, 0, 1 / 4, 1 / 4, -1 / 2, 127.5, 1 / 2, -1 / 2, 0, 127.5)
_MIDDLE = 127.5


@dataclass(frozen=True, slots=True)
class _Waves:
    """A channel as cosines: its mean, the others' amplitudes, and the largest of these."""

    mean: float
    others: Sequence[float]
    largest: float

    def nibbles(self) -> Iterable[int]:
        """Return the amplitudes as fractions of the largest, -1 to 1 as 0 to 15."""
        half = 7.5 / self.largest if self.largest else 0.0
        return (_rounded(7.5 + half * one) for one in self.others)


@dataclass(frozen=True, slots=True)
class _Samples:
    """A picture's samples row by row, of so many bands. No side is shorter than the waves need."""

    data: bytes
    bands: int
    width: int
    height: int

    @classmethod
    def of(cls, picture: Image.Image) -> "_Samples":
        size = max(_LEAST_SIDE, picture.width), max(_LEAST_SIDE, picture.height)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.BOX)
        return cls(picture.tobytes(), len(picture.getbands()), *size)


def thumb_hash(picture: Image.Image) -> bytes:
    """Return the ThumbHash of an upright sRGB picture (L, RGB or RGBA) of at most 100 pixels a side."""
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    clear = alpha is not None and alpha.getextrema()[0] < _OPAQUE  # type: ignore[operator]
    longer, most = max(picture.size), 5 if clear else 7
    across, down = (max(1, _rounded(most * side / longer)) for side in picture.size)
    colours = (_on_its_mean(picture) if clear else picture.convert("RGB")).convert("RGB", _TO_LPQ)
    samples = _Samples.of(colours)
    light = _waves(samples, 0, (max(3, across), max(3, down)), zero=0, full=_OPAQUE)
    yellow, red = (_waves(samples, band, (3, 3), zero=_MIDDLE, full=_MIDDLE) for band in (1, 2))
    landscape = picture.width > picture.height
    head = _packed(
        (_rounded(63 * light.mean), 6),
        (_rounded(31.5 + 31.5 * yellow.mean), 6),
        (_rounded(31.5 + 31.5 * red.mean), 6),
        (_rounded(31 * light.largest), 5),
        (clear, 1),
        (down if landscape else across, 3),
        (_rounded(63 * yellow.largest), 6),
        (_rounded(63 * red.largest), 6),
        (landscape, 1),
    )
    channels = [light, yellow, red]
    if alpha and clear:
        cover = _waves(_Samples.of(alpha), 0, (5, 5), zero=0, full=_OPAQUE)
        head += _packed((_rounded(15 * cover.mean), 4), (_rounded(15 * cover.largest), 4))
        channels.append(cover)
    return head + _packed(*((nibble, 4) for channel in channels for nibble in channel.nibbles()))


def _on_its_mean(picture: Image.Image) -> Image.Image:
    """Return the picture on a ground of its mean colour."""
    mean = picture.convert("RGBa").resize((1, 1), Image.Resampling.BOX).convert("RGBA").getpixel((0, 0))
    ground = Image.new("RGB", picture.size, mean[:3])  # type: ignore[index]
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _waves(samples: _Samples, band: int, count: tuple[int, int], *, zero: float, full: float) -> _Waves:
    """Return the slow waves of a band: those above the diagonal of a table of `count` waves, across and down."""
    found = [one / (samples.width * samples.height * full) for one in _sums(samples, band, *count)]
    others = found[1:]
    return _Waves(found[0] - zero / full, others, max(map(abs, others)))


def _sums(samples: _Samples, band: int, across: int, down: int) -> Sequence[float]:
    """Return the sum of a band by each wave: in C if the library is there, which takes a tenth of the time."""
    width, height = samples.width, samples.height
    if library := loaded():
        sums = (c_double * (across * down))()
        waves = (_cosines_of_c(across, width), across, _cosines_of_c(down, height), down)
        count = library.raythumbs_sum_waves(samples.data, band, samples.bands, width, height, *waves, sums)
        if count > 0:
            return sums[:count]
    data = samples.data[band :: samples.bands]
    lines = [data[at : at + width] for at in range(0, width * height, width)]
    by_wave = [[sum(map(mul, line, wave)) for line in lines] for wave in _cosines(across, width)]
    return [
        sum(map(mul, by_wave[x], wave))
        for y, wave in enumerate(_cosines(down, height))
        for x in range(across)
        if x * down < across * (down - y)
    ]


@cache
def _cosines(count: int, length: int) -> Sequence[Sequence[float]]:
    return [[cos(pi / length * wave * (at + 0.5)) for at in range(length)] for wave in range(count)]


@cache
def _cosines_of_c(count: int, length: int) -> Array[c_double]:
    return (c_double * (count * length))(*(number for wave in _cosines(count, length) for number in wave))


def _packed(*fields: tuple[int, int]) -> bytes:
    """Pack pairs of a value and its number of bits; the first value is in the lowest bits."""
    number = bits = 0
    for value, width in fields:
        number |= value << bits
        bits += width
    return number.to_bytes((bits + 7) // 8, "little")


def _rounded(value: float) -> int:
    return floor(value + 0.5)
