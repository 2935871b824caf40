"""The decoder in C gives the pixels that the standard defines, and takes only files that are whole and sound."""

import platform
import shutil
import subprocess
from functools import cache
from io import BytesIO
from math import ceil, cos, pi, sqrt
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from PIL import Image

from raythumbs.errors import BadPicture
from raythumbs.imaging import Limits, render
from raythumbs.imaging.jpeg.native import decoded
from raythumbs.imaging.jpeg.scale import set_scale
from raythumbs.imaging.native import compiler
from raythumbs.imaging.native.library import loaded, tell_missing
from raythumbs.imaging.probe import probe
from raythumbs.model.photo import Format, RenditionSpec
from raythumbs.storage.buffers import BufferFile, Buffers
from tests.imaging.jpeg.jpeg_writer import ZIGZAG, Component, Jpeg, mcus
from tests.imaging.pictures import photograph, saved

pytestmark = pytest.mark.needs("native")

DIVISORS = {1: 8, 2: 4, 3: 3, 4: 2}  # of each number of eighths
SAMPLINGS: dict[str, list[tuple[int, int]]] = {
    "grey": [(1, 1)],
    "grey that says 2x2": [(2, 2)],
    "4:4:4": [(1, 1)] * 3,
    "4:2:2": [(2, 1), (1, 1), (1, 1)],
    "4:2:0": [(2, 2), (1, 1), (1, 1)],
    "4:4:0": [(1, 2), (1, 1), (1, 1)],
    "4:1:1": [(4, 1), (1, 1), (1, 1)],
    "4:1:0": [(4, 2), (1, 1), (1, 1)],
    "chroma of unlike sizes": [(2, 2), (2, 1), (1, 2)],
    "chroma in full, light in half": [(1, 1), (2, 1), (2, 1)],
    "CMYK": [(1, 1)] * 4,
    "CMYK 2x2": [(2, 2), (1, 1), (1, 1), (2, 2)],
}


def natively(file: bytes, eighths: int, size: tuple[int, int], mode: str) -> np.ndarray | None:
    scaled = ceil(size[0] * eighths / 8), ceil(size[1] * eighths / 8)
    native = decoded(BytesIO(file), mode, scaled, eighths)
    return None if native is None else np.asarray(native.picture).astype(int)


def by_libjpeg(file: bytes, eighths: int) -> np.ndarray:
    picture: Any = probe(BytesIO(file))
    set_scale(picture, DIVISORS[eighths])
    return np.asarray(picture).astype(int)


def random_jpeg(seed: int, factors: list[tuple[int, int]], **options: Any) -> Jpeg:
    """A picture of random coefficients: few in some blocks, many in others, and sometimes large ones."""
    chance = np.random.default_rng(seed)
    width, height = (int(side) for side in chance.integers(1, 70, 2))
    rows, across = mcus(width, height, factors)
    components = []
    for h, v in factors:
        blocks = (rows * v, across * h) if len(factors) > 1 else (rows, across)
        steps = chance.integers(1, 30, 64) if seed % 3 else chance.integers(1, 4000, 64)
        there = chance.random((*blocks, 64)) < chance.choice([0.0, 0.03, 0.3, 1.0], (*blocks, 1))
        values = chance.integers(-3, 4, (*blocks, 64)) * chance.choice([1, 1, 1, 40, 340], (*blocks, 64))
        values[..., 0] = chance.integers(-1000, 1000, blocks) // steps[0]
        components.append(Component(h, v, steps.tolist(), np.where(there | (np.arange(64) == 0), values, 0)))
    return Jpeg(width, height, components, restart=int(chance.choice([0, 1, 3])), **options)


@cache
def random_file(seed: int, factors: tuple[tuple[int, int], ...]) -> tuple[Jpeg, bytes]:
    jpeg = random_jpeg(seed, list(factors))
    return jpeg, jpeg.written()


def samples(component: Component, width: int, height: int) -> np.ndarray:
    """A component's samples, if each block becomes so many: the inverse transform of its corner (T.81, A.3.3)."""
    rows, across, _ = component.coefficients.shape
    blocks = np.zeros((rows, across, 8, 8))
    for k, (y, x) in enumerate(ZIGZAG):
        blocks[..., y, x] = component.coefficients[..., k] * component.steps[k]

    def waves(count: int) -> np.ndarray:
        heights = [sqrt(1 / 8), *[0.5] * (count - 1)]
        return np.array([[h * cos((2 * x + 1) * u * pi / 2 / count) for x in range(count)]
                         for u, h in enumerate(heights)])  # fmt: skip

    made = np.einsum("rcvu,vy,ux->rycx", blocks[..., :height, :width], waves(height), waves(width))
    up = 1e-6  # an exact half is rounded up: cosines make it a little less
    return np.clip(np.floor(made.reshape(rows * height, across * width) + 128.5 + up), 0, 255)


def expected(jpeg: Jpeg, eighths: int) -> np.ndarray | None:
    """The pixels of a picture in floating point, as Pillow gives colours; None if samples would have to be doubled."""
    factors = [(1, 1)] if len(jpeg.components) == 1 else [(one.across, one.down) for one in jpeg.components]
    across, down = (max(one[n] for one in factors) for n in (0, 1))
    sizes = [(eighths * across // h, eighths * down // v) for h, v in factors]
    if max(max(size) for size in sizes) > 8:
        return None
    width, height = ceil(jpeg.width * eighths / 8), ceil(jpeg.height * eighths / 8)
    made = [samples(one, *size)[:height, :width] for one, size in zip(jpeg.components, sizes, strict=True)]
    if len(made) == 1:
        return made[0]
    if len(made) == 4:
        return 255 - np.stack(made, -1)
    light, blue, red = made[0], made[1] - 128, made[2] - 128
    colours = light + 1.402 * red, light - 0.344136 * blue - 0.714136 * red, light + 1.772 * blue
    return np.clip(np.round(np.stack(colours, -1)), 0, 255)


# --- the pixels


@pytest.mark.parametrize("eighths", DIVISORS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_sampling_becomes_the_pixels_of_the_standard(sampling, eighths):
    factors = SAMPLINGS[sampling]
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[len(factors)]
    for seed in range(9):
        jpeg, file = random_file(seed, tuple(factors))

        made = natively(file, eighths, (jpeg.width, jpeg.height), mode)

        exact = expected(jpeg, eighths)
        assert (made is None) == (exact is None)
        assert made is None or np.abs(made - exact).max() <= 2


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"restart_marker_blocks": 5}, {"quality": 3}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("size", [(640, 427), (129, 1), (1, 65), (8, 8)])
def test_the_means_of_blocks_are_exactly_libjpegs(mode, size, options):
    photo = photograph("temple").resize(size).convert(mode)
    file = saved(photo, "JPEG", **{"quality": 88, "subsampling": 0} | options)

    assert np.array_equal(natively(file, 1, size, mode), by_libjpeg(file, 1))


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 40}, {"progressive": True}])
def test_the_means_of_a_megabyte_of_noise_are_exactly_libjpegs(options):
    # The decoder reads the data 4 KB at a time: then some of the thousands of stuffed FFs are at both sides of an edge.
    noise = Image.fromarray(np.random.default_rng(4).integers(0, 256, (1200, 1200, 3), dtype=np.uint8))
    file = saved(noise, "JPEG", quality=50, subsampling=0, **options)
    assert len(file) > 1_000_000

    assert (natively(file, 1, noise.size, "RGB") == by_libjpeg(file, 1)).all()


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"restart_marker_rows": 1}, {"quality": 20}])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_three_eighths_are_libjpegs_which_decodes_the_corner_too(subsampling, options):
    photo = photograph("flower").resize((333, 222))
    file = saved(photo, "JPEG", **{"quality": 92, "subsampling": subsampling} | options)

    assert np.abs(natively(file, 3, photo.size, "RGB") - by_libjpeg(file, 3)).max() <= 3


@pytest.mark.parametrize("eighths", DIVISORS)
@pytest.mark.parametrize("restarts", [{}, {"restart_marker_blocks": 3}])
@pytest.mark.parametrize(("mode", "subsampling"), [("L", 0), ("RGB", 0), ("RGB", 1), ("RGB", 2), ("CMYK", 0)])
def test_a_progressive_file_has_the_pixels_of_the_same_picture_in_one_scan(mode, subsampling, restarts, eighths):
    photo = photograph("temple").resize((201, 133)).convert(mode)
    ways = ({"progressive": progressive} | restarts for progressive in (True, False))

    progressive, in_one_scan = (saved(photo, "JPEG", quality=93, subsampling=subsampling, **way) for way in ways)

    made = natively(progressive, eighths, photo.size, mode)
    assert made is not None
    assert np.array_equal(made, natively(in_one_scan, eighths, photo.size, mode))


ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"
JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"


@pytest.mark.parametrize(
    "told", [b"", JFIF, ADOBE + b"\0", ADOBE + b"\1", ADOBE + b"\2", JFIF + ADOBE + b"\0"], ids=repr
)
@pytest.mark.parametrize("components", [3, 4])
def test_colours_are_understood_as_libjpeg_understands_them(components, told):
    jpeg = random_jpeg(5, [(1, 1)] * components, application_data=told)

    made = natively(jpeg.written(), 1, (jpeg.width, jpeg.height), {3: "RGB", 4: "CMYK"}[components])

    assert np.array_equal(made, by_libjpeg(jpeg.written(), 1))


# --- what is taken


def a_file(**options: Any) -> bytes:
    return saved(photograph("temple").resize((160, 107)), "JPEG", **options)


def is_taken(file: bytes) -> bool:
    return natively(file, 2, (160, 107), "RGB") is not None


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 2}])
def test_a_file_that_is_cut_anywhere_is_left_to_pillow(options):
    file = a_file(**options)
    scan = file.index(b"\xff\xda") + 14

    cuts = [*range(scan, len(file) - 50, 3), *range(len(file) - 50, len(file))]
    taken = [cut for cut in cuts if is_taken(file[:cut]) or is_taken(file[:cut] + b"\xff\xd9")]

    assert set(taken) <= {len(file) - 2, len(file) - 1}  # without its end marker it is whole
    assert is_taken(file[:-2])


@pytest.mark.parametrize("more", [b"\0", b"\xff\xd0", b"\xff\xc4\0\2"])
def test_a_file_with_more_than_its_end_marker_behind_the_data_is_left_to_pillow(more):
    file = a_file()

    assert is_taken(file)
    assert is_taken(file + more)  # behind the end marker, cameras keep what they like
    assert not is_taken(file[:-2] + more + file[-2:])


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_file_whose_restarts_are_out_of_order_is_left_to_pillow(options):
    file = a_file(restart_marker_blocks=2, **options)

    assert is_taken(file)
    assert not is_taken(file.replace(b"\xff\xd3", b"\xff\xd4"))


def test_a_progressive_file_that_is_cut_anywhere_is_left_to_pillow():
    file = a_file(progressive=True)

    assert is_taken(file)
    cuts = range(file.index(b"\xff\xda"), len(file) - 2, 3)
    assert not any(is_taken(file[:cut]) or is_taken(file[:cut] + b"\xff\xd9") for cut in cuts)


def test_a_damaged_file_has_the_same_answer_with_and_without_the_decoder():
    chance = np.random.default_rng(7)
    files = [a_file(), a_file(restart_marker_blocks=3), a_file(quality=95, subsampling=0), a_file(progressive=True)]
    unlike = 0
    for number in range(160):
        damaged = bytearray(files[number % 4])
        for place in chance.integers(2, len(damaged), 1 + number % 3):
            damaged[place] = chance.integers(256)

        with_it, without = (answer(bytes(damaged), native=native) for native in (True, False))

        if isinstance(with_it, str) or isinstance(without, str):
            assert with_it == without
        else:
            unlike += np.abs(with_it - without).mean() > 3
    assert not unlike


def answer(file: bytes, *, native: bool) -> str | np.ndarray:
    try:
        made = render(file, [RenditionSpec(width=40, height=40, format=Format.PNG)], Limits(native=native))
    except BadPicture as error:
        return error.code
    return np.asarray(Image.open(BytesIO(made.renditions[0].data)).convert("RGB")).astype(int)


def in_memory(data: bytes, folder: Path) -> BinaryIO:
    return BytesIO(data)


def on_disk(data: bytes, folder: Path) -> BinaryIO:
    (folder / "photo.jpg").write_bytes(data)
    return (folder / "photo.jpg").open("rb")


def fetched(data: bytes, folder: Path) -> BinaryIO:
    buffers = Buffers()
    buffer = buffers.take(len(data))
    with buffer.view() as view:
        view[:] = data
    return BufferFile(buffers, buffer)


@pytest.mark.parametrize("kept", [in_memory, on_disk, fetched])
def test_a_file_is_read_wherever_it_is(kept, tmp_path):
    file = a_file()
    size = Image.open(BytesIO(file)).size

    with kept(file, tmp_path) as there:
        native = decoded(there, "RGB", (ceil(size[0] / 8), ceil(size[1] / 8)), 1)

    assert native is not None
    assert np.array_equal(np.asarray(native.picture), natively(file, 1, size, "RGB"))


# --- the library


def test_the_library_is_made_of_these_sources():
    assert loaded() is not None, "pip install -e '.[test]' compiles it anew"


@pytest.mark.parametrize("what", ["missing", "old"])
def test_without_the_library_pillow_decodes_and_one_line_says_so(monkeypatch, caplog, tmp_path, what):
    if what == "old":  # that of a checkout that was changed since it was installed
        shutil.copy(compiler.library_for(platform.machine()), tmp_path)
    monkeypatch.setattr(compiler, "FOLDER", tmp_path)
    loaded.cache_clear()
    try:
        tell_missing()
        made, by_pillow = (answer(a_file(), native=native) for native in (True, False))
    finally:
        monkeypatch.undo()
        loaded.cache_clear()

    assert np.array_equal(made, by_pillow)
    assert f'"{what}": "decoders-{platform.machine()}.so"' in caplog.text


@pytest.mark.parametrize(
    ("choice", "cc", "there", "command"),
    [
        ("none", "", {"cc", "gcc"}, None),
        ("", "", {"gcc"}, ("gcc",)),
        ("", "ccache clang", {"ccache", "gcc"}, ("ccache", "clang")),
        ("tcc -w", "", {"tcc", "gcc"}, ("tcc", "-w")),
        ("tcc", "", {"gcc"}, None),
        ("", "", set(), None),
    ],
)
def test_the_compiler_is_the_chosen_one_or_one_that_is_there(choice, cc, there, command, monkeypatch):
    monkeypatch.setenv("NATIVE_COMPILER", choice)
    monkeypatch.setenv("CC", cc)
    monkeypatch.setattr(compiler.shutil, "which", lambda name: name if name in there else None)
    monkeypatch.setattr(compiler, "find_spec", lambda _: None)

    found = compiler.chosen()

    assert (found and found.command) == command
    assert compiler.needs_zig() == (not choice and not there)


@pytest.mark.parametrize(
    ("choice", "system", "there"), [("zig", "Linux", "cc"), ("", "Linux", ""), ("", "Darwin", "cc")]
)
def test_ziglang_compiles_for_both_kinds_of_machines_where_no_compiler_does(choice, system, there, monkeypatch):
    monkeypatch.setenv("NATIVE_COMPILER", choice)
    monkeypatch.setattr(compiler.platform, "system", lambda: system)
    monkeypatch.setattr(compiler.shutil, "which", lambda name: name == there or None)
    monkeypatch.setattr(compiler, "find_spec", lambda name: name)

    found = compiler.chosen()

    assert found is not None
    assert [machine for machine, _ in found.machines] == ["x86_64", "aarch64"]


def test_a_library_is_compiled_for_each_machine_that_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(compiler, "FOLDER", tmp_path)
    told = ("sh", "-c", 'for made; do :; done; echo "$0" > "$made"')
    both = compiler.Compiler(told, (("x86_64", ("for Intel",)), ("aarch64", ("for ARM",))))

    for machines in (["aarch64"], ["x86_64", "aarch64"]):
        made = compiler.build(both, machines)

        assert [path.name for path in made] == [f"decoders-{machine}.so" for machine in sorted(machines, reverse=True)]
        assert [path.read_text() for path in made] == ["for Intel\n", "for ARM\n"][-len(made) :]


def test_a_source_that_does_not_compile_leaves_the_library_as_it_was(tmp_path):
    kept = tmp_path / "decoder.so"
    kept.write_bytes(b"the old one")

    with pytest.raises(subprocess.CalledProcessError):
        compiler.compile_to(kept, ["false"])

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the old one"]
