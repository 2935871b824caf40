"""Pictures for tests: drawn ones, and the photographs of `tests/photographs`."""

import struct
import zlib
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

from raythumbs.imaging import Limits, RenderedSpec, render
from raythumbs.model.photo import Format, RenditionSpec

pillow_heif.register_heif_opener(thumbnails=False)

LIMITS = Limits()
PHOTOGRAPHS = {path.stem: path for path in sorted((Path(__file__).parents[1] / "photographs").glob("*.[jp][pn]g"))}
LANCZOS = Image.Resampling.LANCZOS

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 0)


def saved(picture: Image.Image, written_as: str, **options: Any) -> bytes:
    """The picture as a file."""
    file = BytesIO()
    picture.save(file, written_as, **({"compress_level": 1} | options if written_as == "PNG" else options))
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    """The file as a picture, its pixels read."""
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def rendition(photo: bytes, **spec: Any) -> RenderedSpec:
    """The one rendition of a photo; by default as PNG, which keeps every pixel."""
    [made] = render(photo, [RenditionSpec(**{"format": Format.PNG} | spec)], LIMITS).renditions
    return made


def thumbnail(photo: bytes, **spec: Any) -> Image.Image:
    """The one rendition of a photo, as a picture."""
    return opened(rendition(photo, **spec).data)


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks and the last one."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [*chunks, (b"IEND", b"")]
    )


def png_rows(row: bytes, size: tuple[int, int], *between: tuple[bytes, bytes], colour_type: int, depth: int) -> bytes:
    """A PNG whose rows are all the same, of any colour type and depth, with more chunks before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    return png_of((b"IHDR", header), *between, (b"IDAT", zlib.compress((b"\0" + row) * size[1], 1)))


def tiff_of(samples: np.ndarray, *, photometric: int, sample_format: int = 1, extra: Sequence[int] = ()) -> bytes:
    """A TIFF of these samples (rows, columns, channels), for kinds that Pillow reads but does not write."""
    height, width, channels = samples.shape
    data = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    bits = [samples.dtype.itemsize * 8] * channels
    tags = [(256, [width]), (257, [height]), (258, bits), (259, [1]), (262, [photometric]), (273, [8])]
    tags += [(277, [channels]), (278, [height]), (279, [len(data)]), (339, [sample_format] * channels)]
    tags += [(338, list(extra))] if extra else []
    longer, entries = b"", b""
    for tag, values in sorted(tags):
        packed = struct.pack(f"<{len(values)}I", *values)
        place = 8 + len(data) + len(longer)
        longer += packed if len(packed) > 4 else b""
        entries += struct.pack("<HHI", tag, 4, len(values)) + (packed if len(packed) == 4 else struct.pack("<I", place))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data) + len(longer)) + data + longer + directory


def profile_of(space: bytes, tags: dict[bytes, bytes], *, connection: bytes = b"XYZ ") -> bytes:
    """A colour profile (ICC.1:2001-04, clauses 6.1 to 6.3) for pixels of that space."""
    white = struct.pack(">4s4xiii", b"XYZ ", 63190, 65536, 54061)  # D50
    body, entries = b"", b""
    for name, data in {b"wtpt": white, **tags}.items():
        entries += struct.pack(">4sII", name, 132 + 12 * (len(tags) + 1) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    table = struct.pack(">I", len(tags) + 1) + entries
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(
        ">I4sI4s4s4s12x4s", 132 + len(entries) + len(body), b"none", 0x02400000, kind, space, connection, b"acsp"
    )
    return head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061) + bytes(48) + table + body


def gamma_curve(gamma: float) -> bytes:
    """A tone curve for a profile."""
    return struct.pack(">4s4xIH", b"curv", 1, round(gamma * 256))


def grey_profile(gamma: float) -> bytes:
    """The profile of grey pixels of that gamma."""
    return profile_of(b"GRAY", {b"kTRC": gamma_curve(gamma)})


def rgb_profile(colorants: np.ndarray, gamma: float) -> bytes:
    """The profile of RGB pixels of that gamma; the colorants in columns red, green, blue, with the white of D50."""
    xyz = [struct.pack(">4s4xiii", b"XYZ ", *(round(value * 65536) for value in column)) for column in colorants.T]
    names = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    return profile_of(b"RGB ", dict(zip(names, [*xyz, *[gamma_curve(gamma)] * 3], strict=True)))


def cmyk_profile(ink: tuple[int, int, int]) -> bytes:
    """The profile of four inks that all look alike, on white: `ink` as 8-bit Lab. All four together are black."""
    corners = [(255, 128, 128), *[ink] * 14, (0, 128, 128)]
    identity = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    straight = bytes(range(256))
    table = struct.pack(">4s4xBBBx", b"mft1", 4, 3, 2) + identity + straight * 4
    table += b"".join(bytes(corner) for corner in corners) + straight * 3
    return profile_of(b"CMYK", {b"A2B0": table}, connection=b"Lab ")


def four_corners(width: int = 120, height: int = 80) -> Image.Image:
    """A picture that differs in each orientation: red and green above blue and yellow."""
    quarters = Image.new("RGB", (2, 2))
    quarters.putdata([RED, GREEN, BLUE, YELLOW])
    return quarters.resize((width, height), Image.Resampling.NEAREST)


def corners(picture: Image.Image) -> list[tuple[int, ...]]:
    """The colours amid the four quarters, row by row."""
    rgb = picture.convert("RGB")
    across, down = (rgb.width // 4, rgb.width * 3 // 4), (rgb.height // 4, rgb.height * 3 // 4)
    return [rgb.getpixel((x, y)) for y in down for x in across]


def near(told: Any, right: Any, *, within: float) -> bool:
    """Whether each number is within this distance of the right one."""
    return bool(np.abs(np.subtract(told, right, dtype=float)).max() <= within)


def mean_error(told: Image.Image, right: Image.Image) -> float:
    """How far pixels are from the right ones, on average, of 255."""
    assert told.size == right.size
    return float(np.abs(np.subtract(told.convert("RGB"), right.convert("RGB"), dtype=float)).mean())


@cache
def photograph(name: str, *, times: int = 1) -> Image.Image:
    """A real photograph, enlarged so many times."""
    with Image.open(PHOTOGRAPHS[name]) as picture:
        rgb = picture.convert("RGB")
    rgb.info.clear()  # its colour profile
    return rgb.resize((rgb.width * times, rgb.height * times), Image.Resampling.BICUBIC) if times > 1 else rgb
