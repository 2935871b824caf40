import json
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
import pyvips
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from raythumbs.errors import BadPicture, Corrupt, NotAnImage, TooLarge, Truncated, UnsupportedFormat, ZeroSized
from raythumbs.imaging import Limits, render
from raythumbs.imaging.decode import admit, open_picture
from raythumbs.imaging.memory import predicted_bytes
from raythumbs.model.photo import Fit, Format, RenditionSpec
from tests.imaging.pictures import (
    LANCZOS,
    LIMITS,
    corners,
    four_corners,
    grey_profile,
    mean_error,
    near,
    opened,
    photograph,
    png_of,
    png_rows,
    rendition,
    saved,
    thumbnail,
    tiff_of,
)

MIB = 1024 * 1024
SMALL = RenditionSpec(width=30, height=30, format=Format.PNG)


def renders(photo: bytes, limits: Limits = LIMITS) -> bytes | None:
    """Return the rendition of a photo, or None if the photo is a bad picture; whatever else happens is an error."""
    try:
        return render(photo, [SMALL], limits).renditions[0].data
    except BadPicture:
        return None


# --- what is no image


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\0",
        b"cat",
        b"<!doctype html><title>404</title>",
        b"<!doctype html><title>A page</title><svg><path/></svg>",
        b"RIFF\x24\0\0\0WAVEfmt " + bytes(28),
        bytes(4096),
    ],
)
def test_a_file_that_is_no_image_is_refused_as_such(file: bytes) -> None:
    with pytest.raises(NotAnImage):
        render(file, [SMALL], LIMITS)


def written(written_as: str, **options: object) -> bytes:
    return saved(four_corners(64, 64), written_as, **options)


FOREIGN = {
    "EPS": written("EPS"),
    "PDF": written("PDF"),
    "PNM": written("PPM"),
    "ICO": written("ICO"),
    "PCX": written("PCX"),
    "SGI": written("SGI"),
    "DDS": written("DDS"),
    "JPEG 2000": written("JPEG2000"),
    "ICNS": written("ICNS"),
    "PSD": b"8BPS\0\1\0\0\0\0\0\0\0\3\0\0\0\x10\0\0\0\x10\0\x08\0\3" + bytes(999),
    "FITS": b"SIMPLE  =                    T" + b" " * 2850,
    "JPEG XL": b"\xff\x0a" + bytes(99),
    "raw": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "video": b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + bytes(99),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    "SVG ": b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->\n<!-- by hand -->\n<svg width="9"/>',
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_known_format_that_is_not_on_the_list_is_refused_by_its_name_and_not_decoded(name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name.strip()):
        render(FOREIGN[name], [SMALL], LIMITS)


def test_a_format_that_the_library_knows_and_the_list_does_not_is_refused_also_if_it_cannot_be_named() -> None:
    with pytest.raises(NotAnImage):
        render(written("TGA"), [SMALL], LIMITS)


def test_a_text_that_looks_like_many_beginnings_of_a_drawing_is_refused_at_once() -> None:
    began = time.process_time()

    with pytest.raises(NotAnImage):
        render(b"<!-- --> " * 100_000, [SMALL], LIMITS)

    assert time.process_time() - began < 0.1


def test_a_tiff_of_pixels_that_no_decoder_knows_is_unsupported() -> None:
    with pytest.raises(UnsupportedFormat, match="TIFF of a kind of pixels"):
        render(tiff_of(np.zeros((9, 9, 3), np.float32), photometric=2, sample_format=3), [SMALL], LIMITS)


def test_a_raw_file_is_not_taken_for_its_preview() -> None:
    with pytest.raises(UnsupportedFormat, match="raw"):
        render(written("TIFF", tiffinfo={254: 1}), [SMALL], LIMITS)


def without_width(kind: str) -> bytes:
    tag = struct.pack("<HHI", 256, 4, 1)
    tiff, heic = written("TIFF"), written("HEIF")
    size = heic.index(b"ispe") + 8
    return {
        "PNG": png(0, 9, colour_type=2),
        "GIF": gif(0, 9),
        "BMP": bmp(0, 9),
        "JPEG": jpeg(0, 9),
        "TIFF": tiff.replace(tag + struct.pack("<I", 64), tag + bytes(4)),
        "HEIC": heic[:size] + bytes(4) + heic[size + 4 :],
    }[kind]


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "JPEG", "TIFF", "HEIC"])
def test_a_picture_without_width_is_refused_as_such(kind: str) -> None:
    with pytest.raises(ZeroSized):
        render(without_width(kind), [SMALL], LIMITS)


# --- what ends too soon, or is broken


KINDS: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG": lambda photo: saved(photo, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "progressive JPEG": lambda photo: saved(photo, "JPEG", progressive=True),
    "CMYK JPEG": lambda photo: saved(photo.convert("CMYK"), "JPEG"),
    "PNG": lambda photo: saved(photo, "PNG"),
    "palette PNG": lambda photo: saved(photo.quantize(64), "PNG"),
    "WebP": lambda photo: saved(photo, "WEBP"),
    "lossless WebP": lambda photo: saved(photo, "WEBP", lossless=True),
    "GIF": lambda photo: saved(photo.quantize(64), "GIF"),
    "TIFF": lambda photo: saved(photo, "TIFF", compression="tiff_lzw"),
    "BMP": lambda photo: saved(photo, "BMP"),
    "AVIF": lambda photo: saved(photo, "AVIF"),
    "HEIC": lambda photo: saved(photo, "HEIF"),
}


@cache
def a_photo(kind: str, *size: int) -> bytes:
    """A small photo as a file of that kind."""
    return KINDS[kind](photograph("sklearn/china.jpg").resize(size))


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_that_is_cut_short_is_refused_or_whole_and_never_half_grey(kind: str) -> None:
    file = a_photo(kind, 160, 107)
    whole = renders(file)

    cuts = [*range(0, len(file), max(1, len(file) // 400)), *range(len(file) - 40, len(file))]
    made = [renders(file[:cut]) for cut in cuts]

    assert whole is not None
    assert {picture for picture in made if picture is not None} <= {whole}
    assert made.count(None) > len(cuts) / 2


ENDING = {
    "colour": {},
    "colour in full": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 4},
    "restarts by row": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("way", ENDING)
@pytest.mark.parametrize("side", [30, 110, 300])
def test_a_jpeg_whose_pixels_end_before_its_end_marker_is_truncated(
    way: str, mode: str, part: float, side: int
) -> None:
    file = saved(photograph("sklearn/china.jpg").resize((640, 430)).convert(mode), "JPEG", **ENDING[way])
    scan = file.index(b"\xff\xda") + 14
    cut = scan + int(part * (len(file) - scan))
    ended = file[:cut].rstrip(b"\xff") + b"\xff\xd9"

    with pytest.raises(Truncated):
        render(ended, [RenditionSpec(width=side, height=side)], LIMITS)


@pytest.mark.parametrize("way", ["restarts", "restarts by row"])
def test_a_jpeg_that_ends_at_a_restart_is_truncated_too(way: str) -> None:
    file = saved(photograph("sklearn/china.jpg").resize((640, 430)), "JPEG", **ENDING[way])
    cut = file.index(b"\xff\xd5", file.index(b"\xff\xda"))

    with pytest.raises(Truncated):
        render(file[:cut] + b"\xff\xd9", [RenditionSpec()], LIMITS)


@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_a_progressive_jpeg_whose_first_scan_is_cut_short_is_truncated(part: float) -> None:
    file = saved(photograph("sklearn/china.jpg").resize((640, 430)), "JPEG", progressive=True)
    scan = file.index(b"\xff\xda") + 14
    scan_ends = file.index(b"\xff\xc4", scan)
    ended = file[: scan + int(part * (scan_ends - scan))].rstrip(b"\xff") + b"\xff\xd9"

    with pytest.raises(Truncated):
        render(ended, [RenditionSpec()], LIMITS)


def test_a_progressive_jpeg_of_fewer_scans_than_usual_is_whole() -> None:
    photo = photograph("sklearn/china.jpg").resize((640, 430))
    file = saved(photo, "JPEG", progressive=True)
    after_first = file.index(b"\xff\xc4", file.index(b"\xff\xda"))

    made = thumbnail(file[:after_first] + b"\xff\xd9")

    assert mean_error(made, photo.resize(made.size, LANCZOS)) < 16


@pytest.mark.parametrize("times", [3, 1000])
def test_a_jpeg_of_more_scans_than_anyone_needs_is_refused_before_they_are_decoded(times: int) -> None:
    file = saved(photograph("sklearn/china.jpg", times=3), "JPEG", progressive=True)
    second, last = file.index(b"\xff\xc4", file.index(b"\xff\xda")), file.rindex(b"\xff\xc4")
    bomb = file[:second] + file[last:-2] * times + file[second:]
    began = time.process_time()

    if times < 100:
        assert max(thumbnail(bomb, width=1500, height=1500).size) == 1500
    else:
        with pytest.raises(TooLarge, match="more than 500 scans"):
            render(bomb, [RenditionSpec(width=1500, height=1500)], LIMITS)
        assert time.process_time() - began < 1


@pytest.mark.parametrize("way", [*ENDING, "progressive"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_is_grey_to_its_end_is_whole(way: str, mode: str) -> None:
    grey = (
        Image.new("CMYK", (641, 433), (127, 127, 127, 127))
        if mode == "CMYK"
        else Image.new(mode, (641, 433), "#808080")
    )
    photo = saved(grey, "JPEG", **ENDING.get(way, {"progressive": True}))

    assert max(thumbnail(photo).size) == 300
    assert max(thumbnail(photo + photo).size) == 300


def test_half_a_photo_is_called_truncated() -> None:
    file = a_photo("JPEG", 160, 107)

    with pytest.raises(BadPicture) as refusal:
        render(file[: len(file) // 2], [SMALL], LIMITS)

    assert refusal.value.code == "truncated"


@pytest.mark.parametrize("kind", [2, 5, 11, 12])
def test_a_tiff_whose_strips_lie_at_no_whole_number_is_corrupt(kind: int) -> None:
    file = saved(four_corners(), "TIFF")
    strip_offsets = file.index(struct.pack("<HHI", 273, 4, 1))
    broken = bytearray(file)
    broken[strip_offsets + 2] = kind

    with pytest.raises(Corrupt):
        render(bytes(broken), [SMALL], LIMITS)


@pytest.mark.parametrize(
    ("beginning", "name"),
    [
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF89a\1\0\1\0", "GIF"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"RIFF\x24\0\0\0WEBP", "WebP"),
        (b"\0\0\0\x14ftypavif", "AVIF"),
        (b"\0\0\0\x14ftypheic", "HEIC"),
    ],
)
def test_what_begins_as_a_photo_and_goes_on_as_none_is_corrupt_and_its_kind_is_told(
    beginning: bytes, name: str
) -> None:
    with pytest.raises(Corrupt, match=f"a broken {name} file"):
        render(beginning + bytes(64), [SMALL], LIMITS)


@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"II*\0\x08\0\0\0\1\0\x12\1", b"MM\0*" + b"\xff" * 40, b"cat" * 9])
def test_a_photo_whose_exif_is_broken_is_shown_as_it_lies(written_as: str, exif: bytes) -> None:
    whole = Image.Exif()
    whole[0x0112] = 1
    whole_bytes = whole.tobytes().removeprefix(b"Exif\0\0")
    file = saved(four_corners(), written_as, exif=whole_bytes if written_as in {"AVIF", "HEIF"} else exif)
    file = file.replace(whole_bytes, exif.ljust(len(whole_bytes), b"\0")[: len(whole_bytes)])

    made = thumbnail(file)

    assert near(corners(made), corners(four_corners()), within=4)


@pytest.mark.parametrize("told", [0, 9, 255, 65535])
def test_an_orientation_that_does_not_exist_is_upright(told: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = told

    assert near(corners(thumbnail(saved(four_corners(), "JPEG", exif=exif))), corners(four_corners()), within=4)


@given(file=st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_refused(file: bytes) -> None:
    with pytest.raises(BadPicture):
        render(file, [SMALL], LIMITS)


@given(
    head=st.sampled_from(
        [
            saved(four_corners(8, 8), kind)[:size]
            for kind in ("PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")
            for size in (16, 40)
        ]
    ),
    tail=st.binary(max_size=200),
)
@settings(max_examples=300, deadline=None)
def test_random_bytes_after_a_true_beginning_are_a_picture_or_refused(head: bytes, tail: bytes) -> None:
    renders(head + tail, Limits(decode_bytes=MIB))


EDIT = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 2), st.binary(min_size=1, max_size=4))


def edited(file: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """The file with bytes written over, put in or taken out, at places told as fractions of its length."""
    for place, removed, added in edits:
        at = int(place * len(file))
        file = file[:at] + added + file[at + removed * len(added) :]
    return file


@pytest.mark.parametrize("kind", KINDS)
@given(edits=st.lists(EDIT, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_photo_with_bytes_changed_is_a_picture_or_refused(kind: str, edits: list[tuple[float, int, bytes]]) -> None:
    made = renders(edited(a_photo(kind, 48, 32), edits), Limits(decode_bytes=16 * MIB))

    assert made is None or max(opened(made).size) <= 30


@given(edits=st.lists(EDIT, min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
@example(edits=[])
def test_a_jpeg_with_its_header_changed_is_a_picture_or_refused(edits: list[tuple[float, int, bytes]]) -> None:
    file = a_photo("JPEG", 48, 32)
    scan = file.index(b"\xff\xda") + 14

    renders(edited(file[:scan], edits) + file[scan:], Limits(decode_bytes=16 * MIB))


# --- what would not fit into memory


def png(width: int, height: int, *, colour_type: int, depth: int = 8, between: bytes = b"") -> bytes:
    """A PNG that announces a size and has no pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    body = [(b"IHDR", header), (b"PLTE", bytes(768)), (b"tRNS", between), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    told = [(name, data) for name, data in body if name != b"PLTE" or colour_type == 3]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in told
        if name != b"tRNS" or between
    )


def gif(width: int, height: int) -> bytes:
    """A GIF that announces a size and has no pixels."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return b"GIF89a" + screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08\0;"


def bmp(width: int, height: int) -> bytes:
    """A BMP that announces a size and has no pixels."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def jpeg(width: int, height: int) -> bytes:
    """A JPEG that announces a size and has few pixels."""
    file = bytearray(saved(four_corners(8, 8), "JPEG"))
    size = file.index(b"\xff\xc0") + 5
    file[size : size + 4] = struct.pack(">HH", height, width)
    return bytes(file)


def webp(width: int, height: int) -> bytes:
    """A WebP that announces a size and has few pixels."""
    file = bytearray(saved(four_corners(8, 8), "WEBP", lossless=True))
    size = file.index(b"VP8L") + 9
    told = int.from_bytes(file[size : size + 4], "little") & 0xF << 28 | (height - 1) << 14 | width - 1
    file[size : size + 4] = told.to_bytes(4, "little")
    return bytes(file)


def avif(width: int, height: int) -> bytes:
    """An AVIF that announces a size and has few pixels."""
    file = bytearray(saved(four_corners(16, 16), "AVIF"))
    size = file.index(b"ispe") + 8
    file[size : size + 8] = struct.pack(">II", width, height)
    return bytes(file)


@pytest.mark.parametrize(
    "bomb",
    [
        png(50_000, 50_000, colour_type=2),
        png(40_000, 40_000, colour_type=2),
        png(40_000, 40_000, colour_type=0),
        png(20_000, 20_000, colour_type=3, depth=1),
        png(20_000, 20_000, colour_type=0, between=b"\0\0"),
        png(2**31 - 1, 1, colour_type=6),
        gif(65_535, 65_535),
        gif(30_000, 30_000),
        bmp(30_000, 30_000),
        bmp(2**31 - 1, 2**31 - 1),
        jpeg(65_500, 65_500),
        webp(16_384, 16_384),
        avif(16_384, 16_384),
    ],
    ids=range(13),
)
def test_a_small_file_of_a_huge_picture_is_refused_before_its_pixels_are_allocated(bomb: bytes) -> None:
    assert len(bomb) < 2000
    highest_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(TooLarge):
        render(bomb, [SMALL], LIMITS)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - highest_kib < 64 * 1024


def test_a_refusal_tells_the_size_and_the_figure_and_the_limit() -> None:
    with pytest.raises(
        TooLarge, match=r"20000x20000 pixels and their thumbnails need 16\d{8} bytes of memory; at most 1073741824"
    ):
        render(png(20_000, 20_000, colour_type=2), [SMALL], LIMITS)


@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_every_format_is_held_to_the_limit(written_as: str) -> None:
    file = saved(four_corners(64, 64), written_as)

    with pytest.raises(TooLarge):
        render(file, [RenditionSpec(width=64, height=64)], Limits(decode_bytes=64 * 64 - 1))


def test_a_picture_is_admitted_or_refused_with_its_pixels_unread() -> None:
    file = open_picture(BytesIO(saved(four_corners(), "PNG")))

    needed = predicted_bytes(file)
    admit(file, Limits(decode_bytes=needed))

    with pytest.raises(TooLarge):
        admit(file, Limits(decode_bytes=needed - 1))
    assert file._im is None


def test_a_large_jpeg_needs_only_the_memory_of_what_is_decoded_of_it() -> None:
    photo = saved(four_corners(4000, 3000), "JPEG")
    scarce = Limits(decode_bytes=4 * 1000 * 750 * 3)

    made = render(photo, [RenditionSpec()], scarce)

    assert (made.width, made.height) == (4000, 3000)
    with pytest.raises(TooLarge):
        render(photo, [RenditionSpec(width=1000, height=1000)], scarce)


@pytest.mark.parametrize(
    "way", [{"progressive": True}, {"progressive": True, "subsampling": 0}], ids=["4:2:0", "4:4:4"]
)
def test_a_progressive_jpeg_needs_the_memory_of_its_coefficients_however_small_it_is_decoded(way: dict) -> None:
    samples = 4000 * 3000 * (3 if "subsampling" in way else 1.5)
    photo = saved(four_corners(4000, 3000), "JPEG", **way)

    with pytest.raises(TooLarge):
        render(photo, [RenditionSpec()], Limits(decode_bytes=int(samples * 2)))
    render(photo, [RenditionSpec()], Limits(decode_bytes=int(samples * 2.5)))


# What is measured, in a process of its own: a small twin first, so that only the large one's pixels are counted.
# VmHWM is the peak since exec; ru_maxrss begins with what the parent had.
MEASURED = """
import json, re, sys
from pathlib import Path
from raythumbs.imaging import Limits, render
from raythumbs.imaging.decode import open_picture
from raythumbs.imaging.memory import predicted_bytes
from raythumbs.model.photo import Fit, Format, RenditionSpec
module = sys.modules["raythumbs.imaging.render"]
told = []
module.admit = lambda picture, limits, *asked: told.append(predicted_bytes(picture, *asked))
peaks = []
specs = [
    RenditionSpec(**one | {"fit": Fit(one["fit"]), "format": Format(one["format"]), "focus": tuple(one["focus"])})
    for one in json.loads(sys.argv[1])
]
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        render(file, specs, Limits())
    [kib] = re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    peaks.append(int(kib) * 1024)
print(json.dumps([told[-1], peaks[-1] - peaks[-2]]))
"""


def ending_in_grey(photo: Image.Image) -> Image.Image:
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


def interlaced(photo: Image.Image) -> bytes:
    """The photo as a PNG of seven passes (PNG 1.2, section 2.6), without filters."""
    samples = np.asarray(photo)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(
        b"\0" + row.tobytes() for top, left, down, across in passes for row in samples[top::down, left::across]
    )
    header = struct.pack(">IIBBBBB", *photo.size, 8, 0, 0, 0, 1)
    return png_of((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)))


LARGE: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG": lambda photo: saved(photo, "JPEG"),
    "grey JPEG with a profile": lambda photo: saved(photo.convert("L"), "JPEG", icc_profile=grey_profile(2.2)),
    "grey progressive JPEG": lambda photo: saved(photo.convert("L"), "JPEG", progressive=True),
    "JPEG that ends in grey": lambda photo: saved(ending_in_grey(photo), "JPEG"),
    "progressive JPEG": lambda photo: saved(photo, "JPEG", progressive=True),
    "progressive JPEG of noise": lambda photo: saved(photo.effect_spread(400), "JPEG", progressive=True, quality=98),
    "CMYK JPEG": lambda photo: saved(photo.convert("CMYK"), "JPEG", progressive=True),
    "PNG": lambda photo: saved(photo, "PNG"),
    "PNG with alpha": lambda photo: saved(photo.convert("RGBA"), "PNG"),
    "PNG with a clear colour": lambda photo: saved(photo, "PNG", transparency=(0, 0, 0)),
    "grey PNG": lambda photo: saved(photo.convert("L"), "PNG"),
    "grey PNG with alpha and a profile": lambda photo: saved(photo.convert("LA"), "PNG", icc_profile=grey_profile(2.2)),
    "palette PNG": lambda photo: saved(photo.convert("P"), "PNG", transparency=3),
    "16-bit PNG": lambda photo: saved(photo.convert("I").convert("I;16"), "PNG"),
    "16-bit PNG with a clear sample": lambda photo: png_rows(
        b"\x12\x34" * photo.width, photo.size, (b"tRNS", b"\0\1"), colour_type=0, depth=16
    ),
    "interlaced PNG": lambda photo: interlaced(photo.convert("L")),
    "WebP": lambda photo: saved(photo, "WEBP", method=0),
    "lossless WebP of noise": lambda photo: saved(photo.effect_spread(400), "WEBP", lossless=True, method=0, quality=0),
    "GIF": lambda photo: saved(photo.convert("P"), "GIF"),
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
    "turned TIFF": lambda photo: saved(photo, "TIFF", tiffinfo={274: 6}),
    "BMP": lambda photo: saved(photo, "BMP"),
    "AVIF": lambda photo: saved(photo, "AVIF", speed=10),
    "deep AVIF": avif_of_10_bits,
    "deep AVIF with alpha": lambda photo: avif_of_10_bits(photo.convert("RGBA")),
    "HEIC": heic,
    "grey HEIC": lambda photo: heic(photo.convert("L")),
    "turned HEIC": lambda photo: heic(photo, exif=SIDEWAYS),
    "HEIC of tiles": lambda photo: heic(photo, tile_size=512),
    "turned HEIC of tiles": lambda photo: heic(photo, tile_size=512, exif=SIDEWAYS),
    "turned HEIC with alpha in full colour": lambda photo: heic(photo.convert("RGBA"), chroma=444, exif=SIDEWAYS),
    "deep HEIC of tiles": lambda photo: heic_of_10_bits(photo, tile_size=512),
    "turned deep HEIC with alpha": lambda photo: heic_of_10_bits(photo.convert("RGBA"), exif=SIDEWAYS),
    "turned deep HEIC of tiles in full colour": lambda photo: heic_of_10_bits(
        photo, chroma=444, tile_size=512, exif=SIDEWAYS
    ),
}
SIDEWAYS = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # orientation 6


def measured(folder: Path, make: Callable[[Image.Image], bytes], specs: Sequence[RenditionSpec]) -> tuple[int, int]:
    """The memory that was predicted for a photo of ten megapixels and its renditions, and what was taken."""
    photo = Image.merge("RGB", [Image.linear_gradient("L").rotate(turn) for turn in (0, 90, 180)]).resize((4000, 2600))
    small, large = folder / "small", folder / "large"
    small.write_bytes(make(photo.resize((600, 390))))
    large.write_bytes(make(photo))
    asked = json.dumps([asdict(spec) for spec in specs])
    ended = subprocess.run([sys.executable, "-c", MEASURED, asked, small, large], capture_output=True, check=True)
    predicted, taken = json.loads(ended.stdout)
    return predicted, taken


@pytest.mark.parametrize("kind", LARGE)
def test_the_memory_that_is_predicted_is_what_is_taken_and_not_much_more(kind: str, tmp_path: Path) -> None:
    predicted, taken = measured(tmp_path, LARGE[kind], [RenditionSpec(width=800, height=800)])

    assert taken <= predicted < 2.5 * taken


def test_what_a_photo_says_before_its_pixels_is_part_of_what_is_predicted() -> None:
    photo = saved(four_corners(), "JPEG")
    told = photo[:2] + (b"\xff\xe2\xea\x62" + bytes(60_000)) * 300 + photo[2:]

    plain, with_previews = (predicted_bytes(open_picture(BytesIO(file))) for file in (photo, told))

    assert with_previews - plain == 300 * 60_000


@pytest.mark.parametrize("written_as", Format)
@pytest.mark.parametrize("kind", ["grey PNG", "PNG", "PNG with alpha", "grey JPEG with a profile"])
def test_large_renditions_are_part_of_what_is_predicted(kind: str, written_as: Format, tmp_path: Path) -> None:
    specs = [
        RenditionSpec(name="large", width=3000, height=3000, format=written_as),
        RenditionSpec(name="framed", width=2000, height=2000, fit=Fit.CONTAIN, format=written_as),
    ]

    predicted, taken = measured(tmp_path, LARGE[kind], specs)

    assert taken <= predicted


def test_a_photo_of_200_megapixels_is_an_ordinary_photo() -> None:
    photo = saved(Image.new("L", (16_320, 12_240), 99), "JPEG")

    assert rendition(photo).width == 300
