"""What becomes of a TIFF whose tags lead to too little, to too much, or to nowhere."""

import struct
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from raythumbs.errors import BadPicture, Corrupt, Truncated
from raythumbs.imaging import render
from raythumbs.imaging.tiff.sizes import WRONG_SIZE
from raythumbs.model.photo import RenditionSpec
from tests.imaging.matrix.tiff_file import CODES, Tiff
from tests.imaging.pictures import LIMITS, corners, four_corners, mean_error, near, saved, thumbnail

SIZES, PLACES = 279, 273
# By Pillow, by libtiff through Pillow, by raythumbs, and by raythumbs plane by plane.
READ_BY_EACH = [
    Tiff(photometric=2, bits=8, block=8),
    Tiff(photometric=2, bits=8, block=8, code="lzw"),
    Tiff(photometric=2, bits=12, block=8),
    Tiff(photometric=2, bits=16, block=8, code="deflate", separate=True),
]


def samples(tiff: Tiff) -> np.ndarray:
    narrow = np.asarray(four_corners())
    return narrow if tiff.bits == 8 else (narrow.astype(np.uint32) * ((1 << tiff.bits) - 1) // 255).astype(np.uint16)


def strips(tiff: Tiff, tag: int) -> list[int]:
    """The values that the file has for its strips."""
    with tifffile.TiffFile(BytesIO(tiff.of(samples(tiff)))) as file:
        return list(file.pages[0].tags[tag].value)


def changed(tiff: Tiff, tag: int, values: list[int]) -> bytes:
    return replace(tiff, tags={tag: ("I", values)}).of(samples(tiff))


def shows_the_picture(file: bytes) -> bool:
    return near(corners(thumbnail(file, width=120)), corners(four_corners()), within=12)


@pytest.mark.parametrize("tiff", READ_BY_EACH)
def test_a_tiff_that_lacks_strips_is_truncated(tiff: Tiff) -> None:
    with pytest.raises(Truncated):
        render(changed(tiff, PLACES, strips(tiff, PLACES)[:-1]), [RenditionSpec()], LIMITS)


@pytest.mark.parametrize("tiff", READ_BY_EACH)
def test_a_strip_that_lies_behind_the_end_is_truncated(tiff: Tiff) -> None:
    *most, _ = strips(tiff, PLACES)

    with pytest.raises(Truncated):
        render(changed(tiff, PLACES, [*most, 1 << 24]), [RenditionSpec()], LIMITS)


@pytest.mark.parametrize("tiff", READ_BY_EACH)
def test_strips_beyond_the_picture_are_ignored(tiff: Tiff) -> None:
    places, sizes = strips(tiff, PLACES), strips(tiff, SIZES)
    more = {PLACES: ("I", places + places[:3]), SIZES: ("I", sizes + sizes[:3])}

    assert shows_the_picture(replace(tiff, tags=more).of(samples(tiff)))


@pytest.mark.parametrize("wrong", [0, 1 << 28])
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("separate", [False, True])
def test_the_size_of_a_strip_does_not_matter_if_its_pixels_are_there(code: str, *, separate: bool, wrong: int) -> None:
    tiff = Tiff(photometric=2, bits=8, block=8, code=code, separate=separate)
    *most, _ = strips(tiff, SIZES)

    file = changed(tiff, SIZES, [*most, wrong])

    assert shows_the_picture(file)
    assert render(file, [RenditionSpec()], LIMITS).notes == (WRONG_SIZE,)
    assert render(tiff.of(samples(tiff)), [RenditionSpec()], LIMITS).notes == ()


@pytest.mark.parametrize("tiff", READ_BY_EACH[1::2])
def test_a_packed_strip_of_nonsense_is_corrupt(tiff: Tiff) -> None:
    whole = tiff.of(samples(tiff))
    place, size = strips(tiff, PLACES)[3], strips(tiff, SIZES)[3]

    with pytest.raises(Corrupt, match="packed data are broken"):
        render(whole[:place] + b"\xfe" * size + whole[place + size :], [RenditionSpec()], LIMITS)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_strip_of_jpeg_that_ends_before_its_pixels_is_truncated(share: float) -> None:
    whole = jpeg_in_tiff()
    with tifffile.TiffFile(BytesIO(whole)) as file:
        [size], tag = file.pages[0].databytecounts, file.pages[0].tags[SIZES]
    shorter = bytearray(whole)
    struct.pack_into("<I", shorter, tag.valueoffset, int(size * share))

    with pytest.raises(Truncated):
        render(bytes(shorter), [RenditionSpec()], LIMITS)


def test_a_strip_of_jpeg_that_only_lacks_its_end_is_whole() -> None:
    whole = jpeg_in_tiff()
    with tifffile.TiffFile(BytesIO(whole)) as file:
        end = file.pages[0].dataoffsets[0] + file.pages[0].databytecounts[0]

    assert mean_error(thumbnail(whole[: end - 2] + bytes(2) + whole[end:], width=120), noise()) < 12


def noise() -> Image.Image:
    few = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    return Image.fromarray(few).resize((120, 80))


def jpeg_in_tiff() -> bytes:
    file = BytesIO()
    options: dict[str, Any] = {"compression": "jpeg", "compressionargs": {"level": 95}}
    tifffile.imwrite(file, np.asarray(noise()), photometric="rgb", **options)
    return file.getvalue()


@pytest.mark.parametrize("values", [0, 300, 765, 769])
def test_a_palette_of_the_wrong_length_is_corrupt(values: int) -> None:
    tiff = Tiff(photometric=3, bits=8, tags={320: ("H", [99] * values)} if values else {})

    with pytest.raises(Corrupt, match="palette"):
        render(tiff.of(np.zeros((8, 8, 1), np.uint8)), [RenditionSpec()], LIMITS)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_palette_may_have_values_of_8_bits(bits: int) -> None:
    """libtiff takes them so too (tif_getimage.c, checkcmap)."""
    colours = np.full((3, 1 << bits), 9)
    colours[:, -1] = (200, 100, 50)
    tiff = Tiff(photometric=3, bits=bits, tags={320: ("H", colours.ravel().tolist())})
    last = np.full((8, 8, 1), (1 << bits) - 1, np.uint16 if bits == 16 else np.uint8)

    assert thumbnail(tiff.of(last), width=8).convert("RGB").getpixel((4, 4)) == (200, 100, 50)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_signed_samples_below_zero_are_black(bits: int) -> None:
    below = np.full((8, 8, 1), -5, f"i{bits // 8}")

    assert thumbnail(Tiff(photometric=1, bits=bits).of(below), width=8).convert("L").getextrema() == (0, 0)


def test_a_tiff_that_xmp_alone_turns_keeps_its_shape() -> None:
    xmp = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'

    made = thumbnail(saved(four_corners(), "TIFF", tiffinfo={700: xmp}), width=120)

    assert made.size in {(120, 80), (80, 120)}
    assert sorted(corners(made)) == sorted(corners(four_corners()))


@pytest.mark.parametrize("tiff", READ_BY_EACH)
@pytest.mark.parametrize("tag", [256, 257, 258, 262, 277, 278, 284, 339])
@pytest.mark.parametrize("value", [0, 3, 65535])
def test_a_nonsensical_tag_is_a_bad_picture_or_does_not_matter(tiff: Tiff, tag: int, value: int) -> None:
    file = replace(tiff, tags={tag: ("H", [value])}).of(samples(tiff))

    assert not {"Error", "index", "tuple", "NoneType", "object"} & set(reason_to_refuse(file).split())


def reason_to_refuse(file: bytes) -> str:
    try:
        render(file, [RenditionSpec()], LIMITS)
    except BadPicture as refusal:
        return refusal.reason
    return ""
