import struct

import pytest
from PIL import PngImagePlugin

from raythumbs.imaging.exif import orientation_in
from raythumbs.imaging.orientation import upright
from tests.imaging.pictures import corners, four_corners, near, saved, thumbnail

MAKE, ORIENTATION, X_RESOLUTION = 0x010F, 0x0112, 0x011A
SHORT, TEXT, FRACTION = 3, 2, 5
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def entry(tag: int, kind: int, count: int, value: int, order: str = "<") -> bytes:
    packed = struct.pack(f"{order}HH", value, 0) if kind == SHORT else struct.pack(f"{order}I", value)
    return struct.pack(f"{order}HHI", tag, kind, count) + packed


def exif_of(*entries: bytes, order: str = "<", count: int | None = None) -> bytes:
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    announced = len(entries) if count is None else count
    return b"Exif\0\0" + head + struct.pack(f"{order}H", announced) + b"".join(entries) + bytes(4)


SIX = entry(ORIENTATION, SHORT, 1, 6)
DAMAGED = {
    "an entry before it lies beyond the end": exif_of(entry(MAKE, FRACTION, 1, 1 << 30), SIX),
    "an entry before it is longer than the file": exif_of(entry(MAKE, TEXT, 1 << 30, 26), SIX),
    "an entry before it is of no kind": exif_of(entry(MAKE, 99, 1, 0), SIX),
    "an entry behind it is damaged": exif_of(SIX, entry(X_RESOLUTION, FRACTION, 9, 1 << 31)),
    "fewer entries are there than announced": exif_of(entry(MAKE, TEXT, 4, 0), SIX, count=900),
    "it is cut behind the entry": exif_of(SIX, SIX)[: 6 + 8 + 2 + 12 + 5],
    "it is announced twice": b"Exif\0\0" + exif_of(SIX),
    "it is a long": exif_of(struct.pack("<HHII", ORIENTATION, 4, 1, 6)),
    "its bytes come in the other order": exif_of(
        entry(MAKE, FRACTION, 1, 1 << 30, ">"), entry(ORIENTATION, SHORT, 1, 6, ">"), order=">"
    ),
}


def test_exif_behind_broken_exif_turns_a_jpeg() -> None:
    photo = saved(four_corners(), "JPEG", exif=exif_of(SIX))
    broken = b"Exif\0\0MM\0*" + b"\xff" * 20
    first = photo.index(b"\xff\xe1")

    made = thumbnail(photo[:first] + b"\xff\xe1" + struct.pack(">H", len(broken) + 2) + broken + photo[first:])

    assert near(corners(made), corners(upright(four_corners(), 6)), within=4)


def as_text(exif: bytes) -> PngImagePlugin.PngInfo:
    """The chunk in which ImageMagick wrote Exif before PNG had one for it."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Raw profile type exif", f"\nexif\n{len(exif):8}\n{exif.hex()}\n", zip=True)
    return chunks


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("written_as", ["JPEG", "PNG", "WEBP", "PNG with text"])
def test_a_photo_is_turned_by_its_orientation_also_if_other_exif_is_damaged(written_as: str, damage: str) -> None:
    exif = DAMAGED[damage]
    options = {"pnginfo": as_text(exif)} if written_as.endswith("text") else {"exif": exif}

    made = thumbnail(saved(four_corners(), written_as.split(maxsplit=1)[0], **options))

    assert near(corners(made), corners(upright(four_corners(), 6)), within=4)


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        exif_of(),
        exif_of(SIX)[: 6 + 8 + 2 + 11],
        exif_of(entry(ORIENTATION, TEXT, 1, 6)),
        exif_of(entry(ORIENTATION, SHORT, 3, 6)),
        b"Exif\0\0II\x2b\0\x08\0\0\0" + bytes(99),
    ],
)
def test_exif_without_a_readable_orientation_has_none(exif: bytes) -> None:
    assert orientation_in(exif) is None


def test_a_directory_of_many_entries_is_read_no_further_than_a_photo_has_any() -> None:
    assert orientation_in(exif_of(*[entry(MAKE, SHORT, 1, 0)] * 5000, SIX)) is None


@pytest.mark.parametrize(
    ("written_as", "options"),
    [
        ("JPEG", {"xmp": XMP}),
        ("JPEG", {"xmp": XMP, "exif": exif_of(entry(MAKE, TEXT, 4, 0))}),
        ("WEBP", {"xmp": XMP}),
        ("TIFF", {"tiffinfo": {700: XMP}}),
        ("TIFF", {"tiffinfo": {700: XMP}, "compression": "tiff_lzw"}),
        ("AVIF", {"xmp": XMP, "quality": 95}),
    ],
)
def test_an_orientation_in_xmp_alone_turns_no_photo(written_as: str, options: dict[str, object]) -> None:
    made = thumbnail(saved(four_corners(), written_as, **options))

    assert made.size == four_corners().size
    assert near(corners(made), corners(four_corners()), within=8)


def test_an_orientation_in_a_pngs_xmp_turns_no_photo() -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())

    assert thumbnail(saved(four_corners(), "PNG", pnginfo=chunks)).size == four_corners().size


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_tiff_is_turned_by_its_own_tag(turn: int, compression: str | None) -> None:
    right = upright(four_corners(), turn)

    made = thumbnail(saved(four_corners(), "TIFF", tiffinfo={ORIENTATION: turn}, compression=compression))

    assert made.size == right.size
    assert near(corners(made), corners(right), within=8)


def test_a_jpegs_exif_is_not_read_for_its_resolution() -> None:
    photo = saved(four_corners(), "JPEG", exif=DAMAGED["an entry before it lies beyond the end"])
    without_jfif = photo[:2] + photo[photo.index(b"\xff\xe1") :]

    assert thumbnail(without_jfif).size == four_corners().size[::-1]
