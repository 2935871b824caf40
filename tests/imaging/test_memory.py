import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
import pyvips
from PIL import Image

from raythumbs.imaging.memory import predicted_bytes
from raythumbs.imaging.probe import probe
from raythumbs.model.photo import Fit, Format, RenditionSpec
from tests.imaging.heif import files
from tests.imaging.heif.files import clap, items_of
from tests.imaging.matrix.tiff_file import Tiff
from tests.imaging.pictures import four_corners, grey_profile, png_of, png_rows, rendition, saved

pytestmark = pytest.mark.needs("time")

# What measures: a process that has imported everything, and forks one for each photo. That renders a small twin first,
# so that only the large one's pixels are counted. VmHWM, its peak, begins with what it has when it is forked.
MEASURING = """
import json, os, re, sys
from pathlib import Path
from raythumbs.imaging import Limits, render
from raythumbs.imaging.memory import predicted_bytes
from raythumbs.model.photo import Fit, Format, RenditionSpec

told = []
module = sys.modules["raythumbs.imaging.render"]
module.admit = lambda picture, limits, *asked, **how: told.append(predicted_bytes(picture, *asked, **how))

def spec(given):
    return RenditionSpec(
        **given | {"fit": Fit(given["fit"]), "format": Format(given["format"]), "focus": tuple(given["focus"])}
    )

def peak_after(path, specs, decoder):
    with open(path, "rb") as file:
        render(file, specs, Limits(native=decoder == "native"))
    [kib] = re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    return int(kib) * 1024

for line in sys.stdin:
    if not (child := os.fork()):
        specs, decoder, small, large = json.loads(line)
        before, after = (peak_after(path, list(map(spec, specs)), decoder) for path in (small, large))
        print(json.dumps([told[-1], after - before]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("null", flush=True)
"""


def ending_in_grey(photo: Image.Image) -> Image.Image:
    photo = photo.copy()
    photo.paste((128, 128, 128), (photo.width - 40, photo.height - 40, photo.width, photo.height))
    return photo


def heic(photo: Image.Image, **options: Any) -> bytes:
    return saved(photo, "HEIF", enc_params={"preset": "ultrafast"}, **options)


def sixteen_bits(photo: Image.Image) -> bytes:
    return (np.asarray(photo).astype(np.uint16) << 8).tobytes()


def heic_of_10_bits(photo: Image.Image, **options: Any) -> bytes:
    file = BytesIO()
    deep = pillow_heif.from_bytes(mode=f"{photo.mode};16", size=photo.size, data=sixteen_bits(photo))
    deep.save(file, enc_params={"preset": "ultrafast"}, **options)
    return file.getvalue()


def avif_of_10_bits(photo: Image.Image) -> bytes:
    deep = pyvips.Image.new_from_memory(sixteen_bits(photo), *photo.size, len(photo.mode), "ushort")
    made: bytes = deep.copy(interpretation="rgb16").write_to_buffer(
        ".avif", bitdepth=10, compression="av1", subsample_mode="off", effort=0
    )
    return made


def premultiplied(photo: Image.Image) -> bytes:
    items = items_of(heic(photo.convert("RGBA")))
    return files.heic({**items, 1: items[1].has(prem=2)})


def one_pixel(photo: Image.Image, written_as: str) -> bytes:
    """The photo, of which all but one pixel is cut away."""
    write, options = (
        (files.avif, {"speed": 10})
        if written_as == "AVIF"
        else (files.heic, {"tile_size": 512, "enc_params": {"preset": "ultrafast"}})
    )
    items = items_of(saved(photo, written_as, **options))
    return write({**items, 1: items[1].has(clap(0, 0, 1, 1, size=photo.size))})


def interlaced(photo: Image.Image) -> bytes:
    """The photo as a PNG of seven passes (PNG 1.2, section 2.6), without filters."""
    samples = np.asarray(photo)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(
        b"\0" + row.tobytes() for top, left, down, across in passes for row in samples[top::down, left::across]
    )
    header = struct.pack(">IIBBBBB", *photo.size, 8, 0, 0, 0, 1)
    return png_of((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)))


def red_stripes(photo: Image.Image) -> Image.Image:
    across = np.arange(photo.width) // 5 % 5 == 0
    row = np.where(across[:, None], np.uint8([255, 0, 0]), np.uint8([255, 255, 255]))
    return Image.fromarray(np.broadcast_to(row, (photo.height, photo.width, 3)).copy())


def with_a_margin(gif: bytes) -> bytes:
    """The GIF on a canvas that is a pixel wider."""
    return gif[:6] + struct.pack("<H", int.from_bytes(gif[6:8], "little") + 1) + gif[8:]


def bmp_head(photo: Image.Image, *, bits: int, compression: int, palette: int = 0) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 124, *photo.size, 1, bits, compression, 0, 0, 0, 0, 0)
    masks = struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 138 + palette) + (head + masks).ljust(124, b"\0")


def bmp_of_bit_fields(photo: Image.Image) -> bytes:
    return bmp_head(photo, bits=32, compression=3) + photo.convert("RGBA").tobytes()


def bmp_of_run_lengths(photo: Image.Image) -> bytes:
    """A BMP of colour rows in runs of 250 pixels."""
    row = b"\xfa\x07" * (photo.width // 250) + bytes([photo.width % 250, 9]) * bool(photo.width % 250) + b"\0\0"
    colours = bytes(range(256)) * 4
    return bmp_head(photo, bits=8, compression=1, palette=1024) + colours + row * photo.height + b"\0\1"


LARGE: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG": lambda photo: saved(photo, "JPEG"),
    "grey JPEG with a profile": lambda photo: saved(photo.convert("L"), "JPEG", icc_profile=grey_profile(2.2)),
    "grey progressive JPEG": lambda photo: saved(photo.convert("L"), "JPEG", progressive=True),
    "JPEG that ends in grey": lambda photo: saved(ending_in_grey(photo), "JPEG"),
    "JPEG without its end marker": lambda photo: saved(photo, "JPEG")[:-2],
    "progressive JPEG": lambda photo: saved(photo, "JPEG", progressive=True),
    "progressive JPEG of noise": lambda photo: saved(photo.effect_spread(400), "JPEG", progressive=True, quality=98),
    "CMYK JPEG": lambda photo: saved(photo.convert("CMYK"), "JPEG", progressive=True),
    "PNG": lambda photo: saved(photo, "PNG"),
    "PNG of red edges": lambda photo: saved(red_stripes(photo), "PNG"),
    "PNG with alpha": lambda photo: saved(photo.convert("RGBA"), "PNG"),
    "PNG with a clear colour": lambda photo: saved(photo, "PNG", transparency=(0, 0, 0)),
    "grey PNG": lambda photo: saved(photo.convert("L"), "PNG"),
    "grey PNG with alpha and a profile": lambda photo: saved(photo.convert("LA"), "PNG", icc_profile=grey_profile(2.2)),
    "palette PNG": lambda photo: saved(photo.convert("P"), "PNG", transparency=3),
    "16-bit PNG": lambda photo: saved(photo.convert("I").convert("I;16"), "PNG"),
    "16-bit PNG with a clear sample": lambda photo: png_rows(
        b"\x12\x34" * photo.width, photo.size, (b"tRNS", b"\0\1"), colour_type=0, depth=16
    ),
    "16-bit PNG with a clear colour": lambda photo: png_rows(
        b"\x12\x34\x56\x78\x9a\xbc" * photo.width, photo.size, (b"tRNS", bytes(6)), colour_type=2, depth=16
    ),
    "interlaced PNG": lambda photo: interlaced(photo.convert("L")),
    "WebP": lambda photo: saved(photo, "WEBP", method=0),
    "lossless WebP of noise": lambda photo: saved(photo.effect_spread(400), "WEBP", lossless=True, method=0, quality=0),
    "GIF": lambda photo: saved(photo.convert("P"), "GIF"),
    "GIF with a margin": lambda photo: with_a_margin(saved(photo.convert("P"), "GIF")),
    "TIFF of one strip": lambda photo: saved(photo, "TIFF", compression="tiff_lzw", tiffinfo={278: photo.height}),
    "turned TIFF of one strip": lambda photo: saved(
        photo, "TIFF", compression="tiff_lzw", tiffinfo={274: 6, 278: photo.height}
    ),
    "turned CMYK TIFF of one strip": lambda photo: saved(
        photo.convert("CMYK"), "TIFF", compression="tiff_lzw", tiffinfo={274: 6, 278: photo.height}
    ),
    "YCbCr TIFF of one strip": lambda photo: saved(
        photo.convert("YCbCr"), "TIFF", compression="tiff_lzw", tiffinfo={278: photo.height}
    ),
    "float TIFF": lambda photo: saved(photo.convert("F"), "TIFF"),
    "float RGB TIFF": lambda photo: Tiff(photometric=2, bits=32, block=64).of(np.asarray(photo, np.float32)),
    "deep TIFF of planes in one strip": lambda photo: Tiff(photometric=2, bits=16, code="lzw", separate=True).of(
        np.asarray(photo, np.uint16) << 8
    ),
    "deep TIFF with alpha": lambda photo: Tiff(photometric=2, bits=12, extra=(1,)).of(
        np.asarray(photo.convert("RGBA"), np.uint16) << 4
    ),
    "black and white TIFF of tiles, with alpha": lambda photo: Tiff(photometric=0, bits=1, block=(64, 64)).of(
        np.asarray(photo.convert("LA")) >> 7
    ),
    "CMYK TIFF with alpha": lambda photo: Tiff(photometric=5, bits=8, block=64, extra=(2,)).of(
        np.dstack([np.asarray(photo.convert("CMYK")), np.asarray(photo.convert("L"))])
    ),
    "uncompressed YCbCr TIFF": lambda photo: Tiff(photometric=6, bits=8, tags={530: ("H", [1, 1])}).of(
        np.asarray(photo)
    ),
    "turned TIFF": lambda photo: saved(photo, "TIFF", tiffinfo={274: 6}),
    "BMP": lambda photo: saved(photo, "BMP"),
    "BMP of bit fields": bmp_of_bit_fields,
    "BMP of run lengths": bmp_of_run_lengths,
    "AVIF": lambda photo: saved(photo, "AVIF", speed=10),
    "deep AVIF": avif_of_10_bits,
    "deep AVIF with alpha": lambda photo: avif_of_10_bits(photo.convert("RGBA")),
    "HEIC": heic,
    "grey HEIC": lambda photo: heic(photo.convert("L")),
    "turned HEIC": lambda photo: heic(photo, exif=SIDEWAYS),
    "HEIC of tiles": lambda photo: heic(photo, tile_size=512),
    "turned HEIC of tiles": lambda photo: heic(photo, tile_size=512, exif=SIDEWAYS),
    "turned HEIC with alpha in full colour": lambda photo: heic(photo.convert("RGBA"), chroma=444, exif=SIDEWAYS),
    "HEIC with premultiplied alpha": premultiplied,
    "deep HEIC of tiles": lambda photo: heic_of_10_bits(photo, tile_size=512),
    "turned deep HEIC with alpha": lambda photo: heic_of_10_bits(photo.convert("RGBA"), exif=SIDEWAYS),
    "turned deep HEIC of tiles in full colour": lambda photo: heic_of_10_bits(
        photo, chroma=444, tile_size=512, exif=SIDEWAYS
    ),
}


SIDEWAYS = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # orientation 6


Measure = Callable[..., tuple[int, int]]


@pytest.fixture(scope="module")
def measuring() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", MEASURING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.fixture
def measured(measuring: subprocess.Popen[str], tmp_path: Path) -> Measure:
    """Measure the memory that was predicted for a photo and its renditions, and what was taken."""

    def measure(
        make: Callable[[Image.Image], bytes],
        specs: Sequence[RenditionSpec],
        decoder: str = "pillow",
        *,
        size: tuple[int, int] = (1600, 1040),
    ) -> tuple[int, int]:
        small, large = tmp_path / "small", tmp_path / "large"
        small.write_bytes(made(make, (500, 325)))
        large.write_bytes(made(make, size))
        assert measuring.stdin
        assert measuring.stdout
        print(json.dumps([[*map(asdict, specs)], decoder, str(small), str(large)]), file=measuring.stdin, flush=True)
        predicted, taken = json.loads(measuring.stdout.readline())
        return predicted, taken

    return measure


@cache
def made(make: Callable[[Image.Image], bytes], size: tuple[int, int]) -> bytes:
    return make(gradients(size))


@cache
def gradients(size: tuple[int, int]) -> Image.Image:
    return Image.merge("RGB", [Image.linear_gradient("L").rotate(turn) for turn in (0, 90, 180)]).resize(size)


@pytest.mark.parametrize("kind", LARGE)
def test_the_predicted_memory_covers_the_memory_used_and_is_not_much_more(kind: str, measured: Measure) -> None:
    predicted, taken = measured(LARGE[kind], [RenditionSpec(width=800, height=800)])

    assert taken <= predicted < 2.5 * taken


@pytest.mark.needs("native")
@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG of noise"])
def test_the_decoder_in_c_takes_no_more_than_pillow(kind: str, measured: Measure) -> None:
    predicted, taken = measured(LARGE[kind], [RenditionSpec(width=800, height=800)], "native")

    assert taken <= predicted


BY_ROWS = ["PNG", "PNG with alpha", "grey PNG", "grey PNG with alpha and a profile", "palette PNG", "16-bit PNG"]


@pytest.mark.needs("native")
@pytest.mark.parametrize("fit", [Fit.INSIDE, Fit.COVER])
@pytest.mark.parametrize("kind", BY_ROWS)
def test_a_png_that_is_decoded_row_by_row_takes_what_is_predicted(kind: str, fit: Fit, measured: Measure) -> None:
    spec = RenditionSpec(width=140, height=140, fit=fit)

    predicted, taken = measured(LARGE[kind], [spec], "native", size=(2800, 1820))

    assert taken <= predicted < (8 if fit is Fit.INSIDE else 20) << 20


@pytest.mark.needs("native")
def test_a_png_of_100_megapixels_takes_less_than_60_mb(measured: Measure) -> None:
    def huge(photo: Image.Image) -> bytes:
        width, height = photo.width * 63 // 10, photo.height * 63 // 10
        return png_rows(np.resize(np.asarray(photo)[0], (width, 3)).tobytes(), (width, height), colour_type=2, depth=8)

    predicted, taken = measured(huge, [RenditionSpec(), RenditionSpec(name="other", width=250)], "native")

    assert taken <= predicted < 60_000_000


@pytest.mark.needs("time")
@pytest.mark.parametrize("written_as", ["HEIF", "AVIF"])
def test_pixels_that_are_cut_away_are_part_of_the_prediction(written_as: str, measured: Measure) -> None:
    predicted, taken = measured(lambda photo: one_pixel(photo, written_as), [RenditionSpec()])

    assert taken <= predicted


def test_the_bytes_of_a_head_are_part_of_the_prediction() -> None:
    photo = saved(four_corners(), "JPEG")
    told = photo[:2] + (b"\xff\xe2\xea\x62" + bytes(60_000)) * 300 + photo[2:]

    plain, with_previews = (predicted_bytes(probe(BytesIO(file))) for file in (photo, told))

    assert with_previews - plain == 300 * 60_000


@pytest.mark.needs("time")
@pytest.mark.parametrize("written_as", Format)
@pytest.mark.parametrize("kind", ["grey PNG", "PNG", "PNG of red edges", "PNG with alpha", "grey JPEG with a profile"])
def test_large_renditions_are_part_of_the_prediction(kind: str, written_as: Format, measured: Measure) -> None:
    specs = [
        RenditionSpec(name="large", width=1430, height=1430, format=written_as),
        RenditionSpec(name="framed", width=1000, height=1000, fit=Fit.CONTAIN, format=written_as),
    ]

    predicted, taken = measured(LARGE[kind], specs)

    assert taken <= predicted


def test_a_photo_of_200_megapixels_is_an_ordinary_photo() -> None:
    photo = saved(Image.new("L", (16_320, 12_240), 99), "JPEG")

    assert rendition(photo).width == 300
