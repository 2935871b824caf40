"""The decoder in C gives Pillow's pixels, makes them smaller as Lanczos does, and takes only files that are sound."""

import struct
import zlib
from io import BytesIO
from math import log10
from typing import Any

import numpy as np
import pytest
from PIL import Image

from raythumbs.errors import BadPicture, TooLarge
from raythumbs.imaging import Fit, Format, Limits, RenditionSpec, render
from raythumbs.imaging.colour import resampleable
from raythumbs.imaging.plan import Needs
from raythumbs.imaging.png import unpacking
from raythumbs.imaging.png.clear_colour import is_wide, scale_clear_sample, with_wide_colour_clear
from raythumbs.imaging.png.native import decoded
from raythumbs.imaging.png.target import Kernel, Target, target
from raythumbs.imaging.probe import probe
from tests.imaging.matrix.test_png import CHANNELS, GREY, KINDS, PALETTE, RGB, palette, png
from tests.imaging.pictures import photograph, png_of, saved
from tests.imaging.png.rows import filtered_rows

pytestmark = pytest.mark.needs("native")

SIZES = [(1, 1), (3, 2), (7, 5), (33, 40), (211, 17)]
CLEAR = {GREY: b"\0\1", RGB: b"\0\1\0\2\0\3", PALETTE: bytes(range(0, 250, 60))}


def png_file(kind: int, depth: int, size: tuple[int, int], *more: tuple[bytes, bytes], piece: int = 1 << 16) -> bytes:
    """A PNG of rows of noise with all filters, whose data is in pieces."""
    rows = filtered_rows(np.random.default_rng(depth), size[0] * CHANNELS[kind] * depth, size[1])
    data = zlib.compress(rows)
    colours = [(b"PLTE", palette(depth)[: 3 * 200])] if kind == PALETTE else []
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    pieces = [(b"IDAT", data[at : at + piece]) for at in range(0, len(data), piece)]
    return png_of((b"IHDR", header), *colours, *more, *pieces)


def natively(file: bytes, wanted: Target | None = None) -> Image.Image | None:
    picture = probe(BytesIO(file))
    return decoded(picture, BytesIO(file), wanted or Target(picture.size, Kernel.COPY))


def by_pillow(file: bytes) -> Image.Image:
    picture: Any = probe(BytesIO(file))
    wide = is_wide(picture)
    scale_clear_sample(picture)
    picture.load()
    return resampleable(with_wide_colour_clear(picture, BytesIO(file)) if wide else picture)


def same(one: Image.Image | None, other: Image.Image) -> bool:
    return one is not None and one.mode == other.mode and np.array_equal(np.asarray(one), np.asarray(other))


def psnr(one: Image.Image, other: Image.Image) -> float:
    error = np.mean((np.asarray(one).astype(float) - np.asarray(other).astype(float)) ** 2)
    return 99 if not error else 10 * log10(255**2 / error)


# --- the pixels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_png_with_every_filter_has_pillows_pixels(kind, clear, size):
    told = [(b"tRNS", CLEAR[kind[0]])] if clear and kind[0] in CLEAR else []

    file = png_file(*kind, size, *told)

    assert same(natively(file), by_pillow(file))


@pytest.mark.parametrize("kind", KINDS)
def test_a_transparent_colour_is_found_among_pixels_of_all_values(kind):
    for place in [(0, 0), (3, 5)]:
        clear = struct.pack(">3H", *place, 65535)[: 2 * CHANNELS[kind[0]]]

        file = png(*kind, clear=CLEAR[PALETTE] if kind[0] == PALETTE else clear if kind[0] in CLEAR else b"")

        made = natively(file)
        assert same(made, by_pillow(file)) if made else max(clear) > 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_photo_has_pillows_pixels(mode):
    photo = photograph("cat").convert("RGB").convert("L" if mode == "I;16" else mode).convert(mode)

    file = saved(photo, "PNG")

    assert same(natively(file), by_pillow(file))


@pytest.mark.parametrize("piece", [1, 7, 100, 70_000])
def test_the_data_may_be_in_chunks_of_any_size(piece):
    file = png_file(RGB, 8, (90, 70), piece=piece)

    assert same(natively(file), by_pillow(file))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("size", [(300, 199), (61, 40), (1, 1), (450, 7), (2, 299)])
def test_lanczos_is_as_near_to_exact_as_pillows(size, mode):
    photo = photograph("cat").convert("RGB").resize((451, 300)).convert(mode)
    if mode in {"RGBA", "LA"}:
        photo.putalpha(Image.linear_gradient("L").resize(photo.size).point(lambda sample: min(255, sample + 9)))
    photo = resampleable(photo)

    made = natively(saved(photo, "PNG"), Target(size, Kernel.LANCZOS))

    exact, made = (picture.convert("RGBa") if mode in {"RGBA", "LA"} else picture for picture in (photo, made))
    assert psnr(made, exact.resize(size, Image.Resampling.LANCZOS)) > 50


def test_a_flat_picture_stays_flat_at_every_size():
    file = saved(Image.new("RGB", (997, 613), (250, 3, 128)), "PNG")

    for size in [(1, 1), (2, 600), (333, 10), (996, 613)]:
        for kernel in (Kernel.LANCZOS, Kernel.TRIANGLE):
            assert natively(file, Target(size, kernel)).getcolors() == [(size[0] * size[1], (250, 3, 128))]


def test_the_colours_of_transparent_pixels_do_not_bleed():
    photo = Image.new("RGBA", (90, 90), (255, 0, 0, 0))
    photo.paste((0, 0, 255, 255), (40, 0, 90, 90))

    made = np.asarray(natively(saved(photo, "PNG"), Target((30, 30), Kernel.LANCZOS)))

    assert (made[..., 0][made[..., 3] > 0] == 0).all()


# --- what is taken


def a_file(**options: Any) -> bytes:
    return saved(photograph("temple").resize((160, 107)), "PNG", **options)


def test_a_file_that_is_cut_in_its_pixels_is_left_to_pillow():
    file = a_file()

    assert natively(file) is not None
    assert not any(natively(file[:cut]) for cut in range(60, len(file) - 12, 997))


def test_a_side_longer_than_the_decoder_makes_is_left_to_pillow():
    file = saved(Image.new("1", ((1 << 24) + 1, 1)), "PNG")

    assert natively(file, Target((100, 1), Kernel.LANCZOS)) is None


def test_a_wrong_checksum_of_the_pixels_is_left_to_pillow():
    file = a_file()
    last = len(file) - 12 - 5

    assert natively(file[:last] + bytes([file[last] ^ 1]) + file[last + 1 :]) is None


@pytest.mark.parametrize("late", [(b"iCCP", b"x\0\0"), (b"tRNS", bytes(6)), (b"PLTE", bytes(3))])
def test_what_pillow_heeds_behind_the_pixels_is_left_to_it(late):
    file = a_file()

    assert natively(file[:-12] + png_of((b"tEXt", b"a\0b"))[8:]) is not None
    assert natively(file[:-12] + png_of(late)[8:]) is None


def test_a_damaged_file_has_the_same_answer_with_and_without_the_decoder():
    chance = np.random.default_rng(7)
    files = [
        a_file(),
        saved(photograph("cat").resize((99, 60)).convert("P"), "PNG"),
        a_file(optimize=1),
    ]
    unlike = 0
    for number in range(120):
        damaged = bytearray(files[number % 3])
        for place in chance.integers(8, len(damaged), 1 + number % 3):
            damaged[place] = chance.integers(256)

        with_it, without = (answer(bytes(damaged), native=native) for native in (True, False))

        if isinstance(with_it, str) or isinstance(without, str):
            assert with_it == without
        else:
            unlike += psnr(*(picture.convert("RGB") for picture in (with_it, without))) < 40
    assert not unlike


def answer(file: bytes, *, native: bool, spec: RenditionSpec | None = None) -> str | Image.Image:
    spec = spec or RenditionSpec(width=40, height=40, format=Format.PNG)
    try:
        made = render(file, [spec], Limits(native=native))
    except BadPicture as error:
        return error.code
    return Image.open(BytesIO(made.renditions[0].data))


def test_without_isal_zlib_unpacks(monkeypatch):
    with_isal = natively(a_file())

    monkeypatch.setattr(unpacking, "unpacker", zlib)

    assert same(natively(a_file()), with_isal)


# --- the size


def needs_of(*specs: RenditionSpec, turn: int = 1) -> Target:
    exif = Image.Exif()
    exif[0x0112] = turn
    picture = probe(BytesIO(saved(Image.new("L", (2000, 1000)), "PNG", exif=exif)))
    return target(picture, Needs(picture.size, specs))


def test_the_only_thumbnail_is_made_of_all_pixels_at_once():
    assert needs_of(RenditionSpec(width=300, height=300)) == Target((300, 150), Kernel.LANCZOS)
    assert needs_of(RenditionSpec(width=300, height=300), turn=6) == Target((300, 150), Kernel.LANCZOS)
    assert needs_of(RenditionSpec(width=99, height=300, fit=Fit.FILL), turn=6) == Target((300, 99), Kernel.LANCZOS)


def test_smaller_thumbnails_are_made_of_the_largest_if_it_suffices():
    sizes = [RenditionSpec(name=str(side), width=side, height=side) for side in (800, 400, 100)]

    assert needs_of(*sizes) == Target((800, 400), Kernel.LANCZOS)


@pytest.mark.parametrize(
    "specs",
    [
        [RenditionSpec(width=200, height=200), RenditionSpec(name="other", width=150, height=150)],
        [RenditionSpec(width=100, height=100, fit=Fit.COVER)],
    ],
)
def test_thumbnails_that_are_not_made_of_one_another_are_made_of_a_larger_picture(specs):
    assert needs_of(*specs) == Target((1000, 500), Kernel.TRIANGLE)


def test_large_thumbnails_are_made_of_the_photo_as_it_is():
    assert needs_of(RenditionSpec(width=900, height=900, fit=Fit.COVER)) == Target((2000, 1000), Kernel.COPY)
    assert needs_of(RenditionSpec(width=4000, height=4000, enlarge=True)) == Target((2000, 1000), Kernel.COPY)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("fit", Fit)
def test_a_thumbnail_is_the_same_with_and_without_the_decoder(fit, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    file = saved(photograph("temple").convert("RGB"), "PNG", exif=exif)
    spec = RenditionSpec(width=90, height=70, fit=fit, format=Format.PNG)

    with_it, without = (answer(file, native=native, spec=spec) for native in (True, False))

    assert with_it.size == without.size
    assert psnr(with_it.convert("RGB"), without.convert("RGB")) > 45


# --- memory


def peak_limit(file: bytes, *, native: bool, decode_bytes: int) -> str:
    try:
        render(file, [RenditionSpec(width=60, height=60)], Limits(native=native, decode_bytes=decode_bytes))
    except TooLarge:
        return "too large"
    return "made"


def test_a_large_png_fits_where_pillows_picture_of_it_does_not():
    file = saved(Image.new("RGB", (4000, 3000), "teal"), "PNG")

    assert peak_limit(file, native=True, decode_bytes=8 << 20) == "made"
    assert peak_limit(file, native=False, decode_bytes=8 << 20) == "too large"


def test_a_large_png_that_only_pillow_decodes_is_admitted_by_pillows_memory():
    file = saved(Image.new("RGB", (4000, 3000), "teal"), "PNG")
    broken = file[:-20] + bytes([file[-20] ^ 1]) + file[-19:]

    assert peak_limit(broken, native=True, decode_bytes=8 << 20) == "too large"
