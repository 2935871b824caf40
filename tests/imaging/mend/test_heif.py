"""A HEIC or AVIF with faults that its pixels do not depend on is shown, with a note; one of another kind is named."""

import struct
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from raythumbs.errors import Corrupt, UnsupportedFormat
from raythumbs.imaging import render
from raythumbs.imaging.mend import mend
from raythumbs.imaging.mend.heif import CUT
from raythumbs.imaging.mend.heif.crops import CORRECTED
from raythumbs.imaging.mend.heif.tables import REPEATED
from raythumbs.model.photo import RenditionSpec
from tests.imaging.heif.files import (
    Item,
    associations,
    aux,
    avif,
    clap,
    coded,
    heic,
    imir,
    irot,
    ispe,
)
from tests.imaging.pictures import BLUE, GREEN, LIMITS, RED, YELLOW, corners, four_corners, near, saved, thumbnail

Build = Callable[..., bytes]
SIZE = (120, 80)
EXIF = b"\0\0\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
BOTH = pytest.mark.parametrize("build", [heic, avif])


def photo(build: Build) -> Item:
    return coded(four_corners(*SIZE), "HEIF" if build is heic else "AVIF")


def notes(file: bytes) -> tuple[str, ...]:
    return render(file, [RenditionSpec()], LIMITS).notes


def shows(file: bytes, *colours: tuple[int, int, int]) -> bool:
    return near(corners(thumbnail(file)), colours or (RED, GREEN, BLUE, YELLOW), within=8)


# --- sound files


@BOTH
def test_a_sound_file_is_not_changed(build: Build) -> None:
    file = BytesIO(build({1: photo(build), 2: Item(b"Exif", EXIF).has(cdsc=1)}))

    mended = mend(file)

    assert mended.file is file
    assert mended.notes == ()


@pytest.mark.parametrize("written_as", ["HEIF", "AVIF"])
def test_an_encoders_file_is_not_changed(written_as: str) -> None:
    file = BytesIO(saved(four_corners(), written_as, exif=EXIF[4:], xmp=b"<x/>"))

    assert mend(file).file is file


@BOTH
def test_exif_and_xmp_do_not_turn_the_photo(build: Build) -> None:
    xmp = Item(b"uri ", b'<rdf:Description tiff:Orientation="6"/>')
    file = build({1: photo(build), 2: Item(b"Exif", EXIF).has(cdsc=1), 3: xmp.has(cdsc=1)})

    assert shows(file)


def test_xmp_alone_does_not_turn_an_avif() -> None:
    assert shows(saved(four_corners(), "AVIF", xmp=b'<rdf:Description tiff:Orientation="6"/>'))


# --- metadata


BROKEN_EXIF = {
    "shorter than its offset": b"\0\0\0",
    "nothing but an offset": bytes(4),
    "an offset that leads outside": b"\0\0\xff\xff" + EXIF[4:],
    "a huge offset": b"\xff" * 4 + EXIF[4:],
    "noise": bytes(4) + b"\xee" * 30,
    "zeros": bytes(40),
    "no offset": EXIF[4:],
    "half a header": EXIF[:10],
}


@pytest.mark.parametrize("kind", BROKEN_EXIF)
@BOTH
def test_broken_exif_is_ignored(build: Build, kind: str) -> None:
    file = build({1: photo(build), 2: Item(b"Exif", BROKEN_EXIF[kind]).has(cdsc=1)})

    assert shows(file)
    assert build is heic or notes(file) == ("Exif ignored: it is broken",)


@BOTH
def test_empty_exif_is_ignored(build: Build) -> None:
    assert shows(build({1: photo(build), 2: Item(b"Exif").has(cdsc=1)}))


@pytest.mark.parametrize(("kind", "name"), [(b"Exif", "Exif"), (b"mime", "XMP")])
@BOTH
def test_metadata_behind_the_end_of_the_file_is_ignored(build: Build, kind: bytes, name: str) -> None:
    file = build({1: photo(build), 2: Item(kind, EXIF).has(cdsc=1)}, lengths={2: 5000})

    assert shows(file)
    assert notes(file) == (f"{name} ignored: it is broken",)


@BOTH
def test_a_file_that_is_cut_behind_its_picture_is_shown_with_a_note(build: Build) -> None:
    file = build({1: photo(build), 2: Item(b"uri ", bytes(500)).has(cdsc=1)})[:-300]

    assert shows(file)
    assert notes(file) == (CUT,)


# --- tables


def test_two_tables_of_properties_of_one_version_are_read_as_one() -> None:
    alpha = coded(Image.new("L", SIZE, 128), "AVIF").has(aux(), auxl=2)
    items = {1: alpha, 2: photo(avif).has(irot(1))}
    first = associations({2: items[2]}, among=items)
    second = associations({1: alpha}, among=items)

    file = avif(items, primary=2, ipma=first + second)

    assert shows(file, GREEN, YELLOW, RED, BLUE)
    assert thumbnail(file).getextrema()[3] == (128, 128)
    assert notes(file) == (REPEATED,)


@pytest.mark.parametrize("ending", [b"", b"\0\0", b"\xff" * 9, bytes(20)])
def test_two_tables_may_add_to_the_properties_of_one_item(ending: bytes) -> None:
    items = {1: photo(avif), 2: Item(b"uri ", b"a", [irot(1)])}
    first = associations({1: items[1]}, among=items)
    second = associations({1: items[2]}, among=items)

    file = avif(items, ipma=first + second) + ending

    assert shows(file, GREEN, YELLOW, RED, BLUE)


def test_a_file_whose_last_box_has_no_size_is_mended() -> None:
    item = photo(avif)
    file = avif({1: item}, ipma=associations({1: item}) * 2)
    at = file.index(b"mdat")

    assert shows(file[: at - 4] + bytes(4) + file[at:])


@BOTH
def test_an_identity_adds_its_transformations_to_those_of_its_source(build: Build) -> None:
    """The source is mirrored first: left and right."""
    items = {
        1: Item(b"iden", b"", [ispe(*SIZE), irot(1)], {b"dimg": [2]}),
        2: Item(b"iden", b"", [ispe(*SIZE)], {b"dimg": [3]}),
        3: photo(build).has(imir(1)),
    }

    assert shows(build(items), RED, BLUE, GREEN, YELLOW)


def test_an_identity_keeps_its_alpha() -> None:
    alpha = coded(Image.new("L", SIZE, 128), "AVIF").has(aux(), auxl=1)
    file = avif({1: Item(b"iden", b"", [ispe(*SIZE)], {b"dimg": [2]}), 2: photo(avif), 3: alpha})

    assert shows(file)
    assert thumbnail(file).getextrema()[3] == (128, 128)


def test_identities_in_a_circle_are_refused() -> None:
    file = avif({1: Item(b"iden", b"", [ispe(*SIZE)], {b"dimg": [2]}), 2: Item(b"iden", b"", [], {b"dimg": [1]})})

    with pytest.raises((Corrupt, UnsupportedFormat)):
        thumbnail(file)


# --- the part that is shown


@BOTH
def test_a_crop_is_the_size_of_the_photo(build: Build) -> None:
    file = build({1: photo(build).has(clap(0, 0, 60, 40, size=SIZE), irot(1))})

    made = render(file, [RenditionSpec()], LIMITS)

    assert (made.width, made.height) == (40, 60)
    assert shows(file, RED, RED, RED, RED)


BROKEN_CROPS = {
    "zeros": (0, 0, 0, 0, 0, 0, 0, 0),
    "division by zero": (60, 0, 40, 1, 0, 1, 0, 1),
    "outside": (60, 1, 40, 1, 9000, 1, 0, 1),
    "larger than the picture": (600, 1, 400, 1, 0, 1, 0, 1),
    "no rows": (60, 1, 0, 1, 0, 1, 0, 1),
}


@pytest.mark.parametrize("kind", BROKEN_CROPS)
@BOTH
def test_a_crop_that_is_broken_is_ignored(build: Build, kind: str) -> None:
    file = build({1: photo(build).has((b"clap", struct.pack(">8I", *BROKEN_CROPS[kind])))})

    assert shows(file)
    assert notes(file) == (CORRECTED,)


@BOTH
def test_a_crop_that_leads_outside_shows_what_is_inside(build: Build) -> None:
    file = build({1: photo(build).has(irot(1), clap(-20, 20, 40, 200, size=SIZE[::-1]))})

    made = render(file, [RenditionSpec()], LIMITS)

    assert (made.width, made.height) == (40, 100)
    assert made.notes == (CORRECTED,)
    assert shows(file, GREEN, GREEN, RED, RED)


@BOTH
def test_pixels_that_are_not_square_are_shown_as_squares(build: Build) -> None:
    made = render(build({1: photo(build).has((b"pasp", struct.pack(">II", 2, 1)))}), [RenditionSpec()], LIMITS)

    assert (made.width, made.height) == SIZE
