"""A phone's HEIC is made small tile by tile, and looks as pillow-heif shows it, which gets everything else."""

import random
import struct
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from tempfile import TemporaryFile

import numpy as np
import pytest
from PIL import Image

from raythumbs.errors import BadPicture
from raythumbs.imaging import Limits, render
from raythumbs.imaging.decoded import Decoded
from raythumbs.imaging.heif.decode import decode_tiles
from raythumbs.imaging.plan import Needs
from raythumbs.imaging.probe import probe
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.heif.files import Item, aux, clap, heic, imir, irot, items_of
from tests.imaging.pictures import four_corners, opened, photograph, saved
from tests.imaging.test_colour import red_and_green_swapped

pytestmark = pytest.mark.needs("libde265")

SPEC = RenditionSpec(width=100, height=100, format=Format.PNG)
QUICK = {"enc_params": {"preset": "ultrafast"}}
SIDE, TILE = 512, 256
BT709, BT601, BT2020 = 1, 6, 9


def by_tiles(file: bytes, spec: RenditionSpec = SPEC) -> Decoded | None:
    """What the decoder of tiles makes of a file; None if it leaves it to pillow-heif."""
    source = BytesIO(file)
    with probe(source) as picture:
        return decode_tiles(picture, source, Needs(picture.size, [spec]))


def both(file: bytes, spec: RenditionSpec = SPEC) -> tuple[Image.Image, Image.Image]:
    """The thumbnail of a file that is decoded tile by tile, and the one by pillow-heif."""
    made, usual = (render(file, [spec], Limits(native=native)).renditions[0].data for native in (True, False))
    return opened(made), opened(usual)


def psnr(made: Image.Image, right: Image.Image) -> float:
    assert made.size == right.size
    error = np.square(np.subtract(made.convert("RGB"), right.convert("RGB"), dtype=float)).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@cache
def photo(width: int, height: int) -> Image.Image:
    return photograph("cat").resize((width, height), Image.Resampling.LANCZOS)


def phone(picture: Image.Image, **options: object) -> bytes:
    return saved(picture, "HEIF", **({"tile_size": TILE} | QUICK | options))


@cache
def whole(**options: object) -> bytes:
    return saved(four_corners(SIDE, SIDE), "HEIF", **(QUICK | options))


def parts(file: bytes) -> tuple[dict[int, Item], int]:
    """The items of an encoder's file, and the number of the grid."""
    items = items_of(file)
    return items, next((number for number, item in items.items() if item.kind == b"grid"), 1)


def changed(items: Mapping[int, Item], change: Callable[[Item], Item]) -> dict[int, Item]:
    return {number: change(item) for number, item in items.items()}


def without(kind: bytes) -> Callable[[Item], Item]:
    return lambda item: Item(item.kind, item.data, [p for p in item.properties if p[0] != kind], item.references)


def nclx(matrix: int, *, full_range: bool) -> tuple[bytes, bytes]:
    return b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, matrix, full_range << 7)


@pytest.mark.parametrize("size", [(512, 512), (640, 480), (575, 771), (640, 257)])
@pytest.mark.parametrize(("tile", "quality"), [(64, 60), (128, 30), (256, 90), (512, 60)])
def test_tiles_of_any_size_and_quality_look_as_pillow_heif_shows_them(
    size: tuple[int, int], tile: int, quality: int
) -> None:
    size = (size[0] // 2, size[1] // 2) if tile == 64 else size  # the encoder begins anew for each of its 117 tiles
    spec = RenditionSpec(width=size[0] // 6, height=size[1] // 6, format=Format.PNG)
    file = phone(photo(*size), tile_size=tile, quality=quality)

    made, usual = both(file, spec)

    assert by_tiles(file, spec)
    assert psnr(made, usual) > 40 + 5 * (quality > 30)


@pytest.mark.parametrize("size", [(512, 512), (640, 480), (1000, 750), (1278, 258)])
def test_a_picture_without_tiles_looks_as_pillow_heif_shows_it(size: tuple[int, int]) -> None:
    spec = RenditionSpec(width=size[0] // 6, height=size[1] // 6, format=Format.PNG)
    file = saved(photo(*size), "HEIF", quality=60, **QUICK)

    made, usual = both(file, spec)

    assert by_tiles(file, spec)
    assert psnr(made, usual) > 45


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_thumbnail_is_made_of_as_few_pixels_as_are_accurate(factor: int) -> None:
    file = phone(photo(1024, 768))
    spec = RenditionSpec(width=168 * 2 // factor, height=168 * 2 // factor, format=Format.PNG)

    decoded = by_tiles(file, spec)

    assert decoded is not None
    assert decoded.picture.size == (1024 // factor, 768 // factor)


def test_a_thumbnail_of_nearly_the_pictures_size_is_left_to_pillow_heif() -> None:
    file = phone(photo(1024, 768))

    made, usual = both(file, RenditionSpec(width=500, height=500, format=Format.PNG))

    assert by_tiles(file, RenditionSpec(width=500, height=500)) is None
    assert made.tobytes() == usual.tobytes()


@pytest.mark.parametrize("matrix", [BT709, 2, 5, BT601, BT2020])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(
    ("told_by", "tiled"),
    [
        ("the container and the data", True),
        ("the data alone", True),
        ("the data alone", False),
        ("the container", False),
    ],
)
def test_colours_are_those_that_the_file_tells(matrix: int, told_by: str, *, full_range: bool, tiled: bool) -> None:
    told = {"color_primaries": 1, "transfer_characteristics": 13}
    told |= {"matrix_coefficients": matrix, "full_range_flag": int(full_range)}
    items, primary = parts(whole(quality=95, **told, **({"tile_size": TILE} if tiled else {})))
    if told_by != "the container and the data":
        items = changed(items, without(b"colr"))
    if told_by == "the container":  # it counts more than the data
        items = changed(items, lambda item: item.has(nclx(BT601, full_range=not full_range)))
    file = heic(items, primary=primary)

    made, usual = both(file)

    assert by_tiles(file)
    assert psnr(made, usual) > 45


@cache
def upright() -> bytes:
    return phone(photo(640, 480), quality=90)


@pytest.mark.parametrize("properties", [[irot(1)], [irot(2)], [irot(3)], [imir(0)], [imir(1)], [irot(1), imir(0)]])
def test_a_turned_picture_is_turned(properties: list[tuple[bytes, bytes]]) -> None:
    items, primary = parts(upright())
    items[primary] = items[primary].has(*properties)
    file = heic(items, primary=primary)

    made, usual = both(file)

    assert by_tiles(file)
    assert psnr(made, usual) > 45


def test_a_profile_is_applied() -> None:
    file = phone(four_corners(SIDE, SIDE), quality=95, icc_profile=red_and_green_swapped())

    made, usual = both(file)

    assert by_tiles(file)
    assert psnr(made, usual) > 45


def _grid_with(change: Callable[[dict[int, Item], int], None]) -> Callable[[], bytes]:
    def build() -> bytes:
        items, primary = parts(phone(four_corners(SIDE, SIDE)))
        change(items, primary)
        return heic(items, primary=primary)

    return build


def _replace(items: dict[int, Item], number: int, *properties: tuple[bytes, bytes], **references: int) -> None:
    items[number] = items[number].has(*properties, **references)


def _with_alpha(items: dict[int, Item], primary: int) -> None:
    mask = items_of(saved(Image.new("L", (SIDE, SIDE), 200), "HEIF", **QUICK))[1]
    items[max(items) + 1] = mask.has(aux(), auxl=primary)


def _other_coding(items: dict[int, Item], primary: int) -> None:
    part = four_corners(TILE, TILE)
    items[max(items)] = items_of(saved(part, "HEIF", enc_params={"preset": "slow"}))[1]


def _other_colours(items: dict[int, Item], primary: int) -> None:
    items[primary] = without(b"colr")(items[primary]).has(nclx(BT709, full_range=False))


def _two_pictures_in_a_tile(items: dict[int, Item], primary: int) -> None:
    last = max(items)
    items[last] = Item(b"hvc1", items[last].data * 2, items[last].properties)


OTHER_KINDS: dict[str, Callable[[], bytes]] = {
    "alpha": _grid_with(_with_alpha),
    "crop": _grid_with(lambda items, primary: _replace(items, primary, clap(0, 0, 300, 300, size=(SIDE, SIDE)))),
    "a turned tile": _grid_with(lambda items, primary: _replace(items, primary + 1, irot(2))),
    "tiles that are coded in two ways": _grid_with(_other_coding),
    "grid and tiles with different colours": _grid_with(_other_colours),
    "two pictures in a tile": _grid_with(_two_pictures_in_a_tile),
    "4:4:4": lambda: phone(four_corners(SIDE, SIDE), chroma=444, enc_params={}),  # pillow-heif writes into enc_params
    "grey": lambda: phone(four_corners(SIDE, SIDE).convert("L")),
    "AVIF": lambda: saved(four_corners(SIDE, SIDE), "AVIF", speed=10),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_are_left_to_pillow_heif(kind: str) -> None:
    file = OTHER_KINDS[kind]()

    made, usual = both(file)

    assert by_tiles(file) is None
    assert made.tobytes() == usual.tobytes()


def test_without_libde265_pillow_heif_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    file = phone(photo(640, 480))
    monkeypatch.setattr("raythumbs.imaging.heif.decode.library", lambda: None)

    made, usual = both(file)

    assert by_tiles(file) is None
    assert made.tobytes() == usual.tobytes()


def test_the_sandbox_makes_the_same_thumbnail() -> None:
    photograph_ = phone(photo(1000, 750))
    sandbox = Sandbox([SPEC], Limits())
    try:
        with TemporaryFile() as file:
            file.write(photograph_)
            file.seek(0)
            confined, _ = sandbox.render(file, seconds=20)
        refused = sandbox.start().refused_calls
    finally:
        sandbox.close()

    assert confined.renditions[0].data == render(photograph_, [SPEC], Limits()).renditions[0].data
    assert not refused


def outcome(file: bytes, *, native: bool) -> tuple[str, Image.Image | None]:
    """What a job says of the file; and its thumbnail, if there is one."""
    try:
        made = render(file, [SPEC], Limits(native=native))
    except BadPicture as error:
        return f"{error.code}: {error.reason}", None
    return f"{made.width}x{made.height} {made.notes}", opened(made.renditions[0].data)


@cache
def undamaged(tile: int) -> bytes:
    return phone(photo(400, 300), tile_size=tile) if tile else saved(photo(400, 300), "HEIF", **QUICK)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("place", ["in the tables", "in the data"])
@pytest.mark.parametrize("tile", [TILE, 64, 0])
def test_damage_has_the_same_outcome_as_by_pillow_heif(seed: int, place: str, tile: int) -> None:
    sound = undamaged(tile)
    data = sound.index(b"mdat") + 4
    first, last = (0, data) if place == "in the tables" else (data, len(sound))
    chance = random.Random(seed)
    for _ in range(10):
        damaged = bytearray(sound)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(first, last)] = chance.randrange(256)
        file = bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])

        (told, made), (usual, shown) = outcome(file, native=True), outcome(file, native=False)

        assert told == usual
        if place == "in the data" and made is not None and shown is not None:
            assert psnr(made, shown) > 30  # the filters differ, and nothing else


def test_a_damaged_tile_is_decoded_by_pillow_heif() -> None:
    sound = phone(photo(640, 480))
    place = sound.index(b"mdat") + 1000
    damaged = sound[:place] + bytes(reversed(range(1, 200))) + sound[place + 199 :]

    made, usual = both(damaged)

    assert by_tiles(sound) is not None
    assert by_tiles(damaged) is None
    assert made.tobytes() == usual.tobytes()
