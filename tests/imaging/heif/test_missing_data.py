"""A HEIC or AVIF that lacks data of its picture is refused; what the picture does not need may be missing."""

from collections.abc import Callable
from functools import cache
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from raythumbs.errors import Corrupt, TooLarge, Truncated
from raythumbs.imaging.heif.obus import lacks_frames
from tests.cpu_time import within_cpu
from tests.imaging.heif.files import Item, aux, avif, box, coded, grid, heic, ispe
from tests.imaging.pictures import corners, four_corners, near, photograph, saved, thumbnail


def photo() -> Image.Image:
    return photograph("cat").resize((300, 200))


def with_alpha() -> Image.Image:
    picture = photo().convert("RGBA")
    picture.putalpha(Image.radial_gradient("L").resize(picture.size))
    return picture


def ten_bits(picture: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    samples = np.asarray(picture).astype(np.uint16) * 257
    pillow_heif.encode(f"{picture.mode};16", picture.size, samples.tobytes(), file, **options)
    return file.getvalue()


QUICK = {"enc_params": {"preset": "ultrafast"}}
FILES: dict[str, Callable[[], bytes]] = {
    "HEIC": lambda: saved(photo(), "HEIF", **QUICK),
    "HEIC of few tiles": lambda: saved(photo(), "HEIF", tile_size=256, **QUICK),
    "HEIC of many tiles": lambda: saved(photo(), "HEIF", tile_size=64, **QUICK),
    "HEIC with alpha": lambda: saved(with_alpha(), "HEIF", **QUICK),
    "HEIC of 10 bits": lambda: ten_bits(photo()),
    "HEIC of 10 bits with alpha": lambda: ten_bits(with_alpha()),
    "HEIC of 10 bits and of tiles": lambda: ten_bits(photo(), tile_size=128),
    "grey HEIC of tiles": lambda: saved(photo().convert("L"), "HEIF", tile_size=128, **QUICK),
    "AVIF": lambda: saved(photo(), "AVIF", speed=10),
    "AVIF with alpha": lambda: saved(with_alpha(), "AVIF", speed=10),
    "grey AVIF": lambda: saved(photo().convert("L"), "AVIF", speed=10),
}


@cache
def file_of(kind: str) -> bytes:
    return FILES[kind]()


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_cut_is_truncated(kind: str, share: float) -> None:
    whole = file_of(kind)

    with pytest.raises(Truncated):
        thumbnail(whole[: int(len(whole) * share)])


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95, 0.995])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_whose_end_is_zeros_is_truncated(kind: str, share: float) -> None:
    whole = file_of(kind)
    kept = int(len(whole) * share)
    start = whole.index(b"mdat") + 4

    with pytest.raises(Truncated):
        thumbnail(whole[: max(start, kept)] + bytes(len(whole) - max(start, kept)))


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", FILES)
def test_a_picture_with_a_hole_of_zeros_is_truncated(kind: str, place: float) -> None:
    whole = file_of(kind)
    start = whole.index(b"mdat") + 4
    at = start + int((len(whole) - start - 600) * place)

    with pytest.raises(Truncated):
        thumbnail(whole[:at] + bytes(600) + whole[at + 600 :])


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", FILES)
def test_a_picture_with_an_erased_block_is_truncated(kind: str, place: float) -> None:
    """Flash memory that was erased, and not written again, has ones."""
    whole = file_of(kind)
    start = whole.index(b"mdat") + 4
    at = start + int((len(whole) - start - 600) * place)

    with pytest.raises((Truncated, Corrupt)):
        thumbnail(whole[:at] + b"\xff" * 600 + whole[at + 600 :])


@pytest.mark.parametrize("build", [heic, avif])
def test_a_depth_map_or_preview_may_be_missing(build: Callable[..., bytes]) -> None:
    picture = coded(four_corners(), "HEIF" if build is heic else "AVIF")
    depth = picture.has(aux(b"urn:mpeg:hevc:2015:auxid:2\0"), auxl=1)
    preview = picture.has(thmb=1)
    whole = build({1: picture, 2: depth, 3: preview})

    cut = whole[: -len(picture.data) - len(picture.data) // 2]

    assert near(corners(thumbnail(whole)), corners(four_corners()), within=8)
    assert near(corners(thumbnail(cut)), corners(four_corners()), within=8)


@pytest.mark.parametrize("build", [heic, avif])
def test_alpha_may_not_be_missing(build: Callable[..., bytes]) -> None:
    written_as = "HEIF" if build is heic else "AVIF"
    alpha = coded(Image.new("L", (120, 80), 200), written_as).has(aux(), auxl=1)
    whole = build({1: coded(four_corners(), written_as), 2: alpha})
    assert thumbnail(whole).mode == "RGBA"

    with pytest.raises(Truncated):
        thumbnail(whole[: -len(alpha.data) // 2])


def test_a_dark_picture_has_rows_of_zeros_that_are_no_hole() -> None:
    """AV1 codes what it expects in zeros."""
    stars = np.random.default_rng(1).random((800, 1000)) < 0.0005
    sky = Image.fromarray((stars * 200).astype(np.uint8))
    item = coded(sky.convert("RGB"), "AVIF", quality=60, speed=10)

    assert not lacks_frames(item.data)


def test_a_message_in_the_coded_data_may_hold_zeros() -> None:
    padding = b"\x7a\x80\x08" + bytes(1024)  # a unit of kind 15 with its size
    item = coded(four_corners(), "AVIF")

    assert not lacks_frames(item.data + padding)
    assert lacks_frames(padding)


def test_tiles_that_claim_more_data_than_the_file_has_are_refused_in_time() -> None:
    """Each of them claims nearly all of a file of 1 MB."""
    picture = coded(four_corners(), "HEIF")
    tiles = dict.fromkeys(range(2, 200), picture)
    items = {1: grid(1, 198, (120 * 198, 80), list(tiles)), **tiles}
    file = heic(items, lengths=dict.fromkeys(tiles, 900_000)) + box(b"free", bytes(1_000_000))

    within_cpu(0.5, lambda: refused(file))


def refused(file: bytes) -> None:
    with pytest.raises((TooLarge, Truncated)):
        thumbnail(file)


TILES = {2: coded(four_corners(), "HEIF"), 3: coded(four_corners(), "HEIF")}
WIDE = grid(1, 2, (240, 80), [2, 3])


def test_a_tile_without_a_length_is_missing() -> None:
    assert thumbnail(heic({1: WIDE, **TILES})).size == (240, 80)

    with pytest.raises(Truncated):
        thumbnail(heic({1: WIDE, **TILES}, lengths={3: 0}))


def test_a_tile_without_its_configuration_is_missing() -> None:
    bare = Item(b"hvc1", TILES[3].data, [ispe(120, 80)])

    with pytest.raises(Truncated):
        thumbnail(heic({1: WIDE, 2: TILES[2], 3: bare}))


def test_a_tile_that_is_not_in_the_file_is_missed() -> None:
    with pytest.raises(Corrupt):
        thumbnail(heic({1: WIDE, 2: TILES[2]}))


def test_a_film_that_is_cut_behind_its_first_frame_shows_it() -> None:
    frames = [four_corners().rotate(angle) for angle in (90, 180, 270)]
    film = saved(four_corners(), "AVIF", save_all=True, append_images=frames, speed=10)

    made = thumbnail(film[:-100])

    assert near(corners(made), corners(four_corners()), within=8)
    with pytest.raises(Truncated):
        thumbnail(film[: film.index(b"mdat") + 60])
