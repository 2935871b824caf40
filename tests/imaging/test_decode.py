import struct
from collections.abc import Callable
from functools import cache
from random import Random

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from raythumbs.errors import BadPicture, Corrupt
from raythumbs.imaging import Limits, render
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.pictures import LIMITS, corners, four_corners, mean_error, near, opened, photograph, saved, thumbnail

MIB = 1024 * 1024
SMALL = RenditionSpec(width=30, height=30, format=Format.PNG)


def renders(photo: bytes, limits: Limits = LIMITS) -> bytes | None:
    """Return the rendition of a photo, or None if the photo is a bad picture; whatever else happens is an error."""
    try:
        return render(photo, [SMALL], limits).renditions[0].data
    except BadPicture:
        return None


# --- what is no image


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
    return KINDS[kind](photograph("temple").resize(size))


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_that_is_cut_short_is_refused_or_whole_and_never_half_grey(kind: str) -> None:
    file = a_photo(kind, 160, 107)
    whole = renders(file)

    cuts = [*range(0, len(file), max(1, len(file) // 150)), *range(len(file) - 20, len(file))]
    made = [renders(file[:cut]) for cut in cuts]

    assert whole is not None
    pictures = {picture for picture in made if picture is not None}
    assert all(mean_error(opened(picture), opened(whole)) < 2 for picture in pictures)  # JPEGs have two decoders
    assert made.count(None) > len(cuts) / 2


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
def test_a_file_that_only_begins_like_a_photo_is_corrupt_and_its_format_is_named(beginning: bytes, name: str) -> None:
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
@settings(max_examples=300)
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
@settings(max_examples=300)
def test_random_bytes_after_a_true_beginning_are_a_picture_or_refused(head: bytes, tail: bytes) -> None:
    renders(head + tail, Limits(decode_bytes=MIB))


SEEDS = st.integers(0, 2**64 - 1)


def drawn(seed: int) -> list[tuple[float, int, bytes]]:
    """Up to five edits. Hypothesis takes longer to draw them than the decoder takes."""
    chance = Random(seed)
    return [
        (chance.random(), chance.randint(0, 2), chance.randbytes(chance.randint(1, 4)))
        for _ in range(chance.randint(1, 5))
    ]


def edited(file: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """The file with bytes written over, put in or taken out, at places told as fractions of its length."""
    for place, removed, added in edits:
        at = int(place * len(file))
        file = file[:at] + added + file[at + removed * len(added) :]
    return file


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS)
@settings(max_examples=50, phases=[Phase.generate])
def test_a_photo_with_bytes_changed_is_a_picture_or_refused(kind: str, seed: int) -> None:
    made = renders(edited(a_photo(kind, 48, 32), drawn(seed)), Limits(decode_bytes=16 * MIB))

    assert made is None or max(opened(made).size) <= 30


@given(edits=SEEDS.map(drawn))
@settings(max_examples=100, phases=[Phase.explicit, Phase.generate])
@example(edits=[])
def test_a_jpeg_with_its_header_changed_is_a_picture_or_refused(edits: list[tuple[float, int, bytes]]) -> None:
    file = a_photo("JPEG", 48, 32)
    scan = file.index(b"\xff\xda") + 14

    renders(edited(file[:scan], edits) + file[scan:], Limits(decode_bytes=16 * MIB))


# --- what would not fit into memory
