"""Pictures of one colour whose files name their colours by the numbers of ITU-T H.273, and light by the standards."""

import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pillow_heif
import pyvips
from PIL import Image

from tests.imaging.pictures import png_rows, saved

SIZE = (64, 48)

# The chromaticities of red, green, blue and white. Source: ITU-R BT.709-6, BT.601-7, BT.2020-2; SMPTE EG 432-1.
D65 = (0.3127, 0.3290)
CHROMATICITIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
}
SRGB_CURVE, LINEAR, GAMMA22, GAMMA28, PQ, HLG = 13, 8, 4, 5, 16, 18
Samples = tuple[float, float, float]  # 0 to 1


def to_xyz(points: tuple[tuple[float, float], ...]) -> np.ndarray:
    """The matrix from linear RGB of these chromaticities to XYZ."""
    red, green, blue, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in points)
    columns = np.stack([red, green, blue], axis=1)
    return columns * np.linalg.solve(columns, white)


def decoded_srgb(colour: tuple[float, ...]) -> np.ndarray:
    """The light of an sRGB colour of 0 to 255 (IEC 61966-2-1)."""
    samples = np.array(colour) / 255
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def encoded_srgb(light: np.ndarray) -> np.ndarray:
    """The sRGB colour of 0 to 255 of light, as much as there is room for."""
    kept = np.clip(light, 0, 1)
    return 255 * np.where(kept <= 0.0031308, kept * 12.92, 1.055 * kept ** (1 / 2.4) - 0.055)


def pq(light: np.ndarray) -> np.ndarray:
    """The samples in PQ of light in cd/m² (SMPTE ST 2084)."""
    power = (np.clip(light, 0, None) / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light: np.ndarray) -> np.ndarray:
    """The samples in HLG of light in cd/m² on a screen of 1,000 cd/m² (ITU-R BT.2100-2, table 5)."""
    luminance = max(np.dot([0.2627, 0.6780, 0.0593], light), 1e-9)
    scene = np.clip(light / 1000 * (luminance / 1000) ** (1 / 1.2 - 1), 1e-9, None)
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene, 1) - 0.2846689) + 0.55991073
    )


ENCODED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    SRGB_CURVE: lambda light: encoded_srgb(light) / 255,
    14: lambda light: encoded_srgb(light) / 255,
    LINEAR: lambda light: light,
    GAMMA22: lambda light: light ** (1 / 2.2),
    GAMMA28: lambda light: light ** (1 / 2.8),
    PQ: lambda light: pq(203 * light),
    HLG: lambda light: hlg(203 * light),
}


def as_samples(colour: tuple[float, ...], primaries: int, transfer: int) -> Samples:
    """The samples of an sRGB colour in another space; its white has 203 cd/m² where that matters."""
    change = np.linalg.inv(to_xyz(CHROMATICITIES[primaries])) @ to_xyz(CHROMATICITIES[1])
    red, green, blue = np.clip(ENCODED[transfer](np.clip(change @ decoded_srgb(colour), 0, None)), 0, 1)
    return float(red), float(green), float(blue)


def png(samples: Samples, *numbers: int) -> bytes:
    return png_rows(eight_bits(samples) * SIZE[0], SIZE, chunk(*numbers), colour_type=2, depth=8)


def deep_png(samples: Samples, *numbers: int) -> bytes:
    row = struct.pack(">3H", *(round(sample * 65535) for sample in samples)) * SIZE[0]
    return png_rows(row, SIZE, chunk(*numbers), colour_type=2, depth=16)


def avif(samples: Samples, *numbers: int) -> bytes:
    photo = saved(flat(samples), "AVIF", quality=100, subsampling="4:4:4", speed=10)
    return photo.replace(b"nclx" + struct.pack(">HH", 1, 13), b"nclx" + struct.pack(">HH", *numbers))


def deep_avif(samples: Samples, *numbers: int) -> bytes:
    wide = np.full((*SIZE[::-1], 3), [round(sample * 65535) for sample in samples], np.uint16)
    picture = pyvips.Image.new_from_array(wide).copy(interpretation="rgb16")
    photo: bytes = picture.heifsave_buffer(compression="av1", bitdepth=10, lossless=True, effort=0)
    return photo.replace(b"nclx" + struct.pack(">HH", 1, 13), b"nclx" + struct.pack(">HH", *numbers))


def heic(samples: Samples, *numbers: int) -> bytes:
    return _heic(pillow_heif.from_pillow(flat(samples)), *numbers)


def deep_heic(samples: Samples, *numbers: int) -> bytes:
    wide = np.full((*SIZE[::-1], 3), [round(sample * 65535) for sample in samples], np.uint16)
    return _heic(pillow_heif.from_bytes("RGB;16", SIZE, wide.tobytes()), *numbers)


def _heic(picture: pillow_heif.HeifFile, primaries: int, transfer: int) -> bytes:
    file = BytesIO()
    named = {"color_primaries": primaries, "transfer_characteristics": transfer}
    picture.save(file, quality=-1, chroma=444, matrix_coefficients=0, full_range_flag=1, **named)
    return file.getvalue()


WRITERS: dict[str, Callable[..., bytes]] = {
    "PNG": png,
    "16-bit PNG": deep_png,
    "AVIF": avif,
    "10-bit AVIF": deep_avif,
    "HEIC": heic,
    "10-bit HEIC": deep_heic,
}


def chunk(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, 0, 1])


def eight_bits(samples: Samples) -> bytes:
    return bytes(round(sample * 255) for sample in samples)


def flat(samples: Samples) -> Image.Image:
    return Image.new("RGB", SIZE, tuple(eight_bits(samples)))
