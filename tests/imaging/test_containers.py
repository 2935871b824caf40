"""The photo is found in any container, and beside any other pictures in its file."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from raythumbs.imaging import render
from raythumbs.model.photo import Format, RenditionSpec
from tests.cpu_time import within_cpu
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    YELLOW,
    corners,
    four_corners,
    near,
    opened,
    saved,
    thumbnail,
)
from tests.imaging.test_render import TURNED

UPRIGHT = [RED, GREEN, BLUE, YELLOW]
BLACK, WHITE = Image.new("RGB", (60, 40), "black"), Image.new("RGB", (60, 40), "white")
# Two entries of an Exif directory, of a short each: orientation, and one that says nothing here.
ORIENTATION, OTHER = b"\x01\x12\0\3\0\0\0\1", b"\x01\x28\0\3\0\0\0\1"


def exif_of(orientation: int) -> bytes:
    entries = [entry + struct.pack(">HH", orientation, 0) for entry in (ORIENTATION, OTHER)]
    return b"Exif\0\0MM\0*\0\0\0\x08\0\2" + b"".join(entries) + bytes(4)


def shows_the_photo(file: bytes) -> bool:
    return near(corners(thumbnail(file, width=90, height=90)), UPRIGHT, within=8)


# --- phones' HEIC


TILES = {48: (8 * 64, 6 * 64), 108: (12 * 64, 9 * 64), 192: (16 * 64 - 10, 12 * 64 - 30)}


@pytest.mark.parametrize(("tiles", "orientation"), [(48, 6), (108, 1), (192, 3), (192, 7)])
def test_a_picture_of_many_tiles_is_put_together_and_turned_once(tiles: int, orientation: int) -> None:
    upright = four_corners(*TILES[tiles])
    turn = TURNED[orientation]
    lies = upright.transpose(turn) if turn is not None else upright
    photo = saved(lies, "HEIF", tile_size=64, exif=exif_of(orientation), enc_params={"preset": "ultrafast"})
    assert photo.count(b"hvc1") == tiles
    assert (b"irot" in photo) == (orientation != 1)

    made = render(photo, [RenditionSpec(format=Format.PNG)], LIMITS)

    assert (made.width, made.height) == upright.size
    assert near(corners(opened(made.renditions[0].data)), UPRIGHT, within=8)


def ten_bits(**options: object) -> bytes:
    samples = np.asarray(four_corners(512, 384)).astype(np.uint16) * 257
    file = BytesIO()
    pillow_heif.encode("RGB;16", (512, 384), samples.tobytes(), file, **options)
    assert Image.open(file).info["bit_depth"] == 10
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"tile_size": 64}, {"chroma": 444}], ids=["whole", "tiles", "4:4:4"])
def test_ten_bits_are_scaled_to_eight(options: dict[str, object]) -> None:
    assert shows_the_photo(ten_bits(**options))


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("written_as", ["HEIF", "AVIF"])
@pytest.mark.parametrize("exif_tells", [False, True], ids=["the box alone tells", "Exif tells it too"])
def test_a_photo_that_its_container_turns_is_not_turned_again(
    written_as: str, orientation: int, *, exif_tells: bool
) -> None:
    turn = TURNED[orientation]
    upright = four_corners(240, 160)
    photo = saved(upright.transpose(turn) if turn is not None else upright, written_as, exif=exif_of(orientation))
    photo = photo.replace(OTHER, ORIENTATION) if exif_tells else photo.replace(ORIENTATION, OTHER)
    assert (b"irot" in photo or b"imir" in photo) == (orientation != 1)
    assert (ORIENTATION in photo) == exif_tells

    made = render(photo, [RenditionSpec(format=Format.PNG)], LIMITS)

    assert (made.width, made.height) == (240, 160)
    assert near(corners(opened(made.renditions[0].data)), UPRIGHT, within=6)


# --- several pictures in one file


def test_a_camera_file_with_previews_behind_its_photo_shows_the_photo() -> None:
    assert shows_the_photo(saved(four_corners(), "MPO", save_all=True, append_images=[BLACK, WHITE]))


@pytest.mark.parametrize("followed_by", ["JPEG", "MPO"])
def test_a_jpeg_with_a_gain_map_behind_its_photo_shows_the_photo(followed_by: str) -> None:
    gain_map = Image.linear_gradient("L").resize((60, 40))
    if followed_by == "MPO":
        photo = saved(four_corners(), "MPO", save_all=True, append_images=[gain_map])
    else:
        photo = saved(four_corners(), "JPEG") + saved(gain_map, "JPEG")

    made = render(photo, [RenditionSpec(format=Format.PNG)], LIMITS)

    assert (made.width, made.height) == (120, 80)
    assert near(corners(opened(made.renditions[0].data)), UPRIGHT, within=8)


@pytest.mark.parametrize("written_as", ["GIF", "WEBP", "PNG", "AVIF", "HEIF", "TIFF"])
def test_the_first_frame_or_page_is_shown_in_its_own_size(written_as: str) -> None:
    size = (120, 80) if written_as in {"WEBP", "AVIF", "PNG", "GIF"} else (60, 40)
    photo = saved(four_corners(), written_as, save_all=True, append_images=[BLACK.resize(size), WHITE.resize(size)])
    with Image.open(BytesIO(photo)) as file:
        assert getattr(file, "n_frames", 1) == 3

    assert shows_the_photo(photo)


def test_a_gif_whose_first_frame_leaves_some_of_its_screen_empty_shows_that_frame_in_its_place() -> None:
    frame = bytearray(saved(four_corners(60, 40).quantize(4), "GIF"))
    struct.pack_into("<HH", frame, 6, 120, 80)  # the screen, of which the frame is the left upper quarter

    made = thumbnail(bytes(frame), width=120, height=80)

    assert made.size == (120, 80)
    assert near(corners(made.crop((0, 0, 60, 40))), UPRIGHT, within=3)


@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.eps", "photo", "photo.pdf"])
def test_the_name_of_a_file_does_not_matter(written_as: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(saved(four_corners(), written_as))

    with path.open("rb") as file:
        made = render(file, [RenditionSpec(format=Format.PNG)], LIMITS)

    assert made.format == written_as.lower()
    assert near(corners(opened(made.renditions[0].data)), UPRIGHT, within=8)


# --- many of whatever there may be many of


def gif_of_frames(count: int) -> bytes:
    first = saved(four_corners().quantize(4), "GIF")
    empty = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2D\1\0"
    return first[:-1] + empty * count + b";"


def tiff_of_pages(count: int) -> bytes:
    """The photo, and after it directories that all are the same and lead from one to the next."""
    file = bytearray(saved(four_corners(), "TIFF"))
    [first] = struct.unpack_from("<I", file, 4)
    [entries] = struct.unpack_from("<H", file, first)
    end = 2 + 12 * entries
    directory = bytes(file[first : first + end])
    struct.pack_into("<I", file, first + end, len(file))
    for page in range(count):
        following = len(file) + end + 4 if page < count - 1 else first
        file += directory + struct.pack("<I", following)
    return bytes(file)


MANY = {
    "frames of a GIF": lambda: gif_of_frames(100_000),
    "pages of a TIFF, in a circle": lambda: tiff_of_pages(20_000),
    "frames of a WebP": lambda: saved(
        four_corners(),
        "WEBP",
        save_all=True,
        append_images=[Image.new("RGB", (120, 80), (n, 0, 0)) for n in range(200)],
    ),
    "texts in a PNG": lambda: _with_chunks((b"tEXt", b"a\0" + b"b" * 50), 50_000),
    "long texts in a PNG": lambda: _with_chunks((b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20))), 60),
    "segments of a JPEG": lambda: b"\xff\xd8" + (b"\xff\xfe" + b"\0\x10" + b"c" * 14) * 50_000 + JPEG[2:],
    "application segments of a JPEG": lambda: b"\xff\xd8" + (b"\xff\xed" + b"\0\x10" + b"c" * 14) * 50_000 + JPEG[2:],
}
JPEG = saved(four_corners(), "JPEG")


def _with_chunks(chunk: tuple[bytes, bytes], count: int) -> bytes:
    file = saved(four_corners(), "PNG")
    name, data = chunk
    one = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return file[:33] + one * count + file[33:]


@pytest.mark.parametrize("what", MANY)
def test_many_frames_pages_texts_or_segments_cost_little(what: str) -> None:
    photo = MANY[what]()

    assert within_cpu(1, lambda: shows_the_photo(photo))
