"""Small files with tables so long that to read them would take minutes or gigabytes."""

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from PIL import ImageCms

from raythumbs.errors import Corrupt, TooLarge
from raythumbs.imaging import Limits, render
from raythumbs.imaging.colour import PROFILE_IGNORED
from raythumbs.model.photo import RenditionSpec
from tests.cpu_time import within_cpu
from tests.imaging.pictures import corners, four_corners, near, opened, png_of, saved

MIB = 1 << 20
SPECS = [RenditionSpec(width=120, height=120)]


@cache
def zeros(size: int) -> bytes:
    """That many zeros, deflated."""
    deflate = zlib.compressobj(9)
    return b"".join(deflate.compress(bytes(MIB)) for _ in range(size // MIB)) + deflate.flush()


# --- TIFF


def tiff(*more: tuple[int, int, int], big: bool = False) -> bytes:
    """A grey TIFF of 8 x 8 pixels that has more tags: each a number, a type, and how many values it has, all 1."""
    count, entry = ("<Q", "<HHQQ") if big else ("<H", "<HHII")
    told = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 16, 277: 1, 278: 8, 279: 64}
    tags = {tag: (4, 1, value) for tag, value in told.items()}
    tags |= {tag: (kind, values, 80) for tag, kind, values in more}
    directory = b"".join(struct.pack(entry, tag, *rest) for tag, rest in sorted(tags.items()))
    ones = b"\1\0\1\0" * 2 * max((values for _, _, values in more), default=0)
    head = struct.pack("<4s4xQ", b"II+\0", 80 + len(ones)) if big else struct.pack("<4sI8x", b"II*\0", 80 + len(ones))
    return head + bytes(64) + ones + struct.pack(count, len(tags)) + directory + bytes(8)


def tiff_of_strips(count: int) -> bytes:
    """A TIFF of one row per strip, which all are the same eight bytes."""
    directory_of = [(256, 8), (257, count), (258, 8), (259, 1), (262, 1), (277, 1), (278, 1)]
    places, sizes = struct.pack("<I", 8) * count, struct.pack("<I", 8) * count
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in directory_of}
    entries[273] = struct.pack("<HHII", 273, 4, count, 16)
    entries[279] = struct.pack("<HHII", 279, 4, count, 16 + len(places))
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return struct.pack("<4sI8x", b"II*\0", 16 + len(places + sizes)) + places + sizes + directory


# --- AVIF and HEIC (ISO/IEC 14496-12)

Change = Callable[[bytes, bytes], bytes]
WITHIN = {b"meta": 4, b"iprp": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}


def box(kind: bytes, content: bytes, *, long: bool = False) -> bytes:
    size = len(content) + 8
    return struct.pack(">I4sQ", 1, kind, size + 8) + content if long else struct.pack(">I4s", size, kind) + content


def boxes(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(file):
        [size] = struct.unpack_from(">I", file, at)
        yield file[at + 4 : at + 8], file[at + 8 : at + size]
        at += size


def changed(file: bytes, change: Change) -> bytes:
    """The boxes, and those in them, each with its content as `change` gives it."""
    made = b""
    for kind, content in boxes(file):
        start = WITHIN.get(kind)
        inner = content if start is None else content[:start] + changed(content[start:], change)
        made += box(kind, change(kind, inner))
    return made


def with_tables(file: bytes, change: Change) -> bytes:
    """The file with its tables changed, and moved to its end so that its pixels stay where they are."""
    tops = dict(boxes(file))
    in_place = b"".join(box(kind if kind in {b"ftyp", b"mdat"} else b"free", tops[kind]) for kind in tops)
    return in_place + changed(b"".join(box(kind, tops[kind]) for kind in (b"meta", b"moov") if kind in tops), change)


def more_items(count: int) -> Change:
    def change(kind: bytes, content: bytes) -> bytes:
        if kind != b"iinf":
            return content
        [before] = struct.unpack_from(">H", content, 4)
        item = box(b"infe", struct.pack(">BxxxHH4sx", 2, 9, 0, b"Exif"))
        return content[:4] + struct.pack(">H", before + count) + content[6:] + item * count

    return change


def more_frames(count: int) -> Change:
    def change(kind: bytes, content: bytes) -> bytes:
        if kind == b"stsc":
            return struct.pack(">IIIII", 0, 1, 1, count, 1)
        return struct.pack(">III", 0, 1, count) if kind == b"stsz" else content

    return change


def in_a_box_of_64_bits(file: bytes) -> bytes:
    tops = list(boxes(file))
    return b"".join(box(kind, content, long=kind == b"meta") for kind, content in tops)


def with_small_boxes(file: bytes, count: int) -> bytes:
    return file + box(b"free", b"") * count


def animation() -> bytes:
    pages = [four_corners().rotate(angle) for angle in (90, 180)]
    return saved(four_corners(), "AVIF", save_all=True, append_images=pages, speed=10)


def still(written_as: str) -> bytes:
    return saved(four_corners(), written_as, **({"speed": 10} if written_as == "AVIF" else {}))


# --- the rules

BOMBS = {
    "strips of a TIFF": lambda: tiff_of_strips(2_000_000),
    "numbers of a TIFF's tag": lambda: tiff((258, 3, 10_000_000)),
    "fractions of a TIFF's tag": lambda: tiff((282, 5, 5_000_000)),
    "fractions of a BigTIFF's tag": lambda: tiff((282, 5, 5_000_000), big=True),
    "tags of a TIFF": lambda: tiff(*((tag, 1, 1) for tag in range(1000, 60_000))),
    "items of an AVIF": lambda: with_tables(still("AVIF"), more_items(60_000)),
    "items of an AVIF, in a box of 64 bits": lambda: in_a_box_of_64_bits(
        with_tables(still("AVIF"), more_items(60_000))
    ),
    "items of a HEIC": lambda: with_tables(still("HEIF"), more_items(60_000)),
    "frames of an AVIF": lambda: with_tables(animation(), more_frames(2_500_000)) + bytes(2_500_000),
    "boxes of an AVIF": lambda: with_small_boxes(still("AVIF"), 1_000_000),
}
LEFT_OUT = {
    "zeros in a PNG's profile": lambda: png_with(b"iCCP", b"a\0\0" + zeros(256 * MIB)),
    "zeros in a PNG's text": lambda: png_with(b"zTXt", b"a\0\0" + zeros(256 * MIB)),
    "zeros in a PNG's international text": lambda: png_with(b"iTXt", b"a\0\1\0\0\0" + zeros(256 * MIB)),
    "many profiles of a PNG": lambda: png_with(*(b"iCCP", b"a\0\0" + zeros(4 * MIB)) * 1000),
    "many texts of Exif in a PNG": lambda: png_with(*(b"zTXt", b"Raw profile type exif\0\0" + zeros(4 * MIB)) * 1000),
    "texts of a PNG": lambda: png_with(*(b"zTXt", b"a\0\0" + zeros(MIB)) * 100),
}


def png_with(*names_and_contents: bytes) -> bytes:
    """The photo as PNG with more chunks before its pixels."""
    file = saved(four_corners(), "PNG")
    pairs = zip(names_and_contents[::2], names_and_contents[1::2], strict=True)
    chunks = png_of(*pairs)[8:-12]
    return file[:33] + chunks + file[33:]


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def refused(photo: bytes) -> None:
    with pytest.raises(TooLarge):
        render(photo, SPECS, Limits())


@pytest.mark.parametrize("what", BOMBS)
def test_a_table_that_is_too_long_is_refused_before_it_is_read(what: str) -> None:
    photo = BOMBS[what]()
    peak = peak_bytes()

    within_cpu(0.5, lambda: refused(photo))

    assert peak_bytes() - peak < 32 * MIB


@pytest.mark.parametrize("what", LEFT_OUT)
def test_data_that_would_be_unpacked_to_far_more_is_left_out(what: str) -> None:
    photo = LEFT_OUT[what]()
    peak = peak_bytes()

    made = within_cpu(0.5, lambda: render(photo, SPECS, Limits()))

    assert made.width == four_corners().width
    assert peak_bytes() - peak < 32 * MIB


@pytest.mark.parametrize("times", [1, 200, 2000])
def test_a_tiff_of_as_many_strips_as_a_large_photo_has_is_a_photo(times: int) -> None:
    assert render(tiff_of_strips(8 * times), SPECS, Limits()).height == 8 * times


@pytest.mark.parametrize("file", [tiff((700, 1, 500_000)), tiff((700, 1, 500_000), big=True)], ids=["TIFF", "BigTIFF"])
def test_a_tiff_may_have_large_tags_of_bytes(file: bytes) -> None:
    assert render(file, SPECS, Limits()).width == 8


@pytest.mark.parametrize("written_as", ["AVIF", "HEIF"])
def test_tables_may_stand_behind_the_pixels(written_as: str) -> None:
    assert shows_the_photo(with_tables(still(written_as), lambda _, content: content))


def test_an_animation_may_have_frames() -> None:
    assert shows_the_photo(with_tables(animation(), lambda _, content: content))


@pytest.mark.parametrize("ending", [b"\0\0\0\1", b"\0\0\0\1free\xff\xff\xff\xff\xff\xff\xff\xff", b"\xff" * 9])
def test_boxes_that_lead_nowhere_are_left_to_the_decoder(ending: bytes) -> None:
    assert shows_the_photo(still("AVIF") + ending)


@pytest.mark.parametrize("head", [b"II*\0\xff\xff\xff\xff", b"II+\0\x08\0\0\0" + b"\xff" * 8, b"MM\0*\0\0\0\x40"])
def test_a_directory_that_lies_nowhere_is_left_to_the_decoder(head: bytes) -> None:
    with pytest.raises(Corrupt):
        render(head.ljust(64, b"\0"), SPECS, Limits())


def test_a_png_may_have_a_profile_as_large_as_printers_have() -> None:
    """Pillow allows one 1 MiB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + bytes(3 * MIB)
    photo = saved(four_corners(), "PNG", icc_profile=profile)

    made = render(photo, SPECS, Limits())

    assert made.notes in {(), (PROFILE_IGNORED,)}
    assert shows_the_photo(photo)


@pytest.mark.parametrize("written_as", ["PNG", "WEBP"])
def test_exif_of_megabytes_is_not_read(written_as: str) -> None:
    """An orientation of ten million numbers would take 20 MB, and 240 to be read."""
    numbers = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x0112, 3, 10_000_000, 26, 0) + b"\6\0" * 10_000_000
    photo = saved(four_corners(), written_as, exif=numbers)
    peak = peak_bytes()

    assert shows_the_photo(photo)
    assert peak_bytes() - peak < 3 * len(photo)


def shows_the_photo(photo: bytes) -> bool:
    [made] = render(photo, SPECS, Limits()).renditions
    return near(corners(opened(made.data)), corners(four_corners()), within=12)
