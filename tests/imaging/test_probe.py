import struct

import numpy as np
import pytest

from raythumbs.errors import NotAnImage, UnsupportedFormat, ZeroSized
from raythumbs.imaging import render
from raythumbs.model.photo import Format, RenditionSpec
from tests.cpu_time import within_cpu
from tests.imaging.pictures import LIMITS, four_corners, saved, tiff_of
from tests.imaging.test_admit import bmp, gif, jpeg, png

SMALL = RenditionSpec(width=30, height=30, format=Format.PNG)


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
    within_cpu(0.1, lambda: refused(b"<!-- --> " * 100_000))


def refused(photo: bytes) -> None:
    with pytest.raises(NotAnImage):
        render(photo, [SMALL], LIMITS)


def test_a_tiff_of_pixels_that_no_decoder_knows_is_unsupported() -> None:
    with pytest.raises(UnsupportedFormat, match="TIFF of signed numbers of 64 bits"):
        render(tiff_of(np.zeros((9, 9, 3), np.int64), photometric=2, sample_format=2), [SMALL], LIMITS)


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
