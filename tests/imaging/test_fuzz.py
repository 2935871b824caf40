"""Any bytes give a thumbnail or a refusal, soon, and without much memory."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from PIL import Image

from raythumbs.errors import BadPicture
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import Format, RenditionSpec
from tests.cpu_time import within_cpu
from tests.imaging.matrix.tiff_file import Tiff
from tests.imaging.pictures import cmyk_profile, grey_profile, photograph, saved
from tests.imaging.test_containers import exif_of

pytestmark = pytest.mark.needs("time")

LIMITS = Limits(decode_bytes=16 << 20)
SPECS = [RenditionSpec(width=30, height=30), RenditionSpec(width=20, height=40, format=Format.PNG)]
SECONDS = 2.0
SPARE_BYTES = 64 << 20


def photo() -> Image.Image:
    return photograph("temple").resize((96, 64))


def pages(written_as: str, **options: object) -> bytes:
    return saved(photo(), written_as, save_all=True, append_images=[photo().rotate(90), photo().rotate(180)], **options)


SOURCES = {
    "JPEG": lambda: saved(photo(), "JPEG", exif=exif_of(6), icc_profile=grey_profile(2), comment="by me"),
    "progressive JPEG": lambda: saved(photo(), "JPEG", progressive=True),
    "JPEG with restarts": lambda: saved(photo(), "JPEG", restart_marker_blocks=3),
    "CMYK JPEG": lambda: saved(photo().convert("CMYK"), "JPEG", icc_profile=cmyk_profile((128, 99, 99))),
    "MPO": lambda: pages("MPO"),
    "PNG": lambda: saved(photo(), "PNG", exif=exif_of(8), icc_profile=grey_profile(1), transparency=(1, 2, 3)),
    "palette PNG": lambda: saved(photo().quantize(16), "PNG", transparency=3),
    "16-bit PNG": lambda: saved(photo().convert("I").convert("I;16"), "PNG", transparency=500),
    "animated PNG": lambda: pages("PNG"),
    "WebP": lambda: saved(photo(), "WEBP", exif=exif_of(5)),
    "lossless WebP with alpha": lambda: saved(photo().convert("RGBA"), "WEBP", lossless=True),
    "animated WebP": lambda: pages("WEBP"),
    "GIF": lambda: pages("GIF"),
    "raw TIFF": lambda: saved(photo(), "TIFF", tiffinfo={274: 6}),
    "LZW TIFF": lambda: saved(photo().convert("CMYK"), "TIFF", compression="tiff_lzw"),
    "JPEG in TIFF": lambda: saved(photo(), "TIFF", compression="jpeg"),
    "fax TIFF": lambda: saved(photo().convert("1"), "TIFF", compression="group4"),
    "float TIFF": lambda: saved(photo().convert("F"), "TIFF", compression="tiff_adobe_deflate"),
    "TIFF of planes": lambda: Tiff(photometric=2, bits=16, block=16, code="lzw", separate=True).of(
        np.asarray(photo(), np.uint16) << 8
    ),
    "big-endian BigTIFF of tiles": lambda: Tiff(photometric=2, bits=12, block=(16, 16), order=">", big=True).of(
        np.asarray(photo(), np.uint16) << 4
    ),
    "BMP": lambda: saved(photo().quantize(16), "BMP"),
    "AVIF": lambda: saved(photo(), "AVIF", exif=exif_of(7), speed=10),
    "animated AVIF": lambda: pages("AVIF", speed=10),
    "HEIC": lambda: saved(photo(), "HEIF", exif=exif_of(3)),
    "HEIC of tiles": lambda: saved(photo(), "HEIF", tile_size=64),
}


@cache
def source(kind: str) -> bytes:
    return SOURCES[kind]()


AMOUNTS = [1, 2, 4, 8, 64, 1000]
WRITTEN = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff", b"\x80", b"\0"]
EDITS: dict[str, Callable[[Random], object]] = {
    "flip": lambda chance: chance.randrange(8),
    "flip in the head": lambda chance: chance.randrange(8),
    "write": lambda chance: chance.choice(WRITTEN),
    "write in the head": lambda chance: chance.randbytes(chance.randint(1, 4)),
    "cut": lambda chance: chance.choice(AMOUNTS),
    "repeat": lambda chance: chance.choice(AMOUNTS),
    "splice": lambda chance: (chance.choice(list(SOURCES)), chance.random(), chance.choice(AMOUNTS)),
    "end": lambda _chance: 0,
}


def drawn(seed: int) -> list[tuple[str, float, object]]:
    """Up to six edits. Hypothesis takes three times as long to draw them as they and the decoder take together."""
    chance = Random(seed)
    kinds = chance.choices(list(EDITS), k=chance.randint(1, 6))
    return [(kind, chance.random(), EDITS[kind](chance)) for kind in kinds]


def edited(file: bytes, edits: list[tuple[str, float, object]]) -> bytes:
    """The file with each edit done, at a place told as a fraction of its length, or of its first 300 bytes."""
    for what, place, how in edits:
        at = int(place * (min(300, len(file)) if what.endswith("head") else len(file)))
        match what.split()[0], how:
            case "flip", int(bit) if file:
                file = file[:at] + bytes([file[at] ^ 1 << bit]) + file[at + 1 :]
            case "write", bytes(told):
                file = file[:at] + told + file[at + len(told) :]
            case "cut", int(amount):
                file = file[:at] + file[at + amount :]
            case "repeat", int(amount):
                file = file[: at + amount] + file[at:]
            case "splice", (str(kind), float(from_place), int(amount)):
                start = int(from_place * len(source(kind)))
                file = file[:at] + source(kind)[start : start + amount] + file[at:]
            case "end", _:
                file = file[:at]
    return file


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def small_or_bad(file: bytes) -> None:
    with suppress(BadPicture):
        made = render(file, SPECS, LIMITS).renditions
        assert [max(one.width, one.height) <= 40 for one in made] == [True, True]


@pytest.mark.parametrize("kind", SOURCES)
@given(seed=st.integers(0, 2**64 - 1))
@settings(max_examples=100, phases=[Phase.generate])
def test_a_damaged_photo_is_a_picture_or_a_bad_one_soon_and_in_little_memory(kind: str, seed: int) -> None:
    edits = drawn(seed)
    note(repr(edits))
    file = edited(source(kind), edits)
    peak = peak_bytes()

    within_cpu(SECONDS, lambda: small_or_bad(file))

    assert peak_bytes() - peak < LIMITS.decode_bytes + SPARE_BYTES
