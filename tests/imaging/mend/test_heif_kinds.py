"""A HEIC or AVIF is known by how its picture is coded; what is not read is named."""

from collections.abc import Callable, Sequence

import pytest

from raythumbs.errors import Corrupt, Truncated, UnsupportedFormat
from raythumbs.imaging import render
from raythumbs.model.photo import RenditionSpec
from tests.imaging.heif.files import Item, avif, box, coded, heic, heif, ispe
from tests.imaging.pictures import LIMITS, corners, four_corners, near, thumbnail

SIZE = (120, 80)


def photo(build: Callable[..., bytes]) -> Item:
    return coded(four_corners(*SIZE), "HEIF" if build is heic else "AVIF")


def shows(file: bytes) -> bool:
    return near(corners(thumbnail(file)), corners(four_corners()), within=8)


@pytest.mark.parametrize("brands", [[b"mif1"], [b"msf1", b"hevc"], [b"isom", b"heic"], [b"miaf"], [b"heim"], [b"heix"]])
def test_a_heic_of_any_first_brand_is_shown(brands: Sequence[bytes]) -> None:
    file = heif({1: photo(heic)}, brands=brands)

    assert shows(file)
    assert render(file, [RenditionSpec()], LIMITS).format == "heif"


@pytest.mark.parametrize("brands", [[b"mif1"], [b"msf1", b"avis"], [b"avis"], [b"isom", b"avif"], [b"miaf"], [b"MA1A"]])
def test_an_avif_of_any_first_brand_is_shown(brands: Sequence[bytes]) -> None:
    file = heif({1: photo(avif)}, brands=brands)

    assert shows(file)
    assert render(file, [RenditionSpec()], LIMITS).format == "avif"


@pytest.mark.parametrize(
    ("kind", "name"), [(b"jpeg", "JPEG"), (b"avc1", r"H\.264"), (b"unci", "uncompressed"), (b"abcd", "of kind 'abcd'")]
)
@pytest.mark.parametrize("brands", [[b"heic"], [b"mif1"], [b"avif"]])
def test_a_picture_in_another_coding_is_unsupported_and_the_coding_is_named(
    kind: bytes, name: str, brands: Sequence[bytes]
) -> None:
    file = heif({1: Item(kind, bytes(20), [ispe(*SIZE)])}, brands=brands)

    with pytest.raises(UnsupportedFormat, match=name):
        thumbnail(file)


def test_a_kind_that_is_no_name_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        thumbnail(heic({1: Item(b"hv\xff1", bytes(20), [ispe(*SIZE)])}))


def test_tables_of_a_later_version_are_unsupported() -> None:
    item = photo(heic)
    later = [(kind, b"\x09" + content[1:] if kind == b"ispe" else content) for kind, content in item.properties]

    with pytest.raises(UnsupportedFormat):
        thumbnail(heic({1: Item(item.kind, item.data, later)}))


def test_a_preview_in_another_coding_does_not_matter() -> None:
    file = heic({1: photo(heic), 2: Item(b"jpeg", bytes(20), [ispe(*SIZE)]).has(thmb=1)})

    assert shows(file)


def test_layers_of_av1_are_unsupported() -> None:
    layers = Item(b"iovl", bytes(30), [ispe(*SIZE)], {b"dimg": [2]})

    with pytest.raises(UnsupportedFormat):
        thumbnail(avif({1: layers, 2: photo(avif)}))


@pytest.mark.parametrize("brand", [b"hevc", b"msf1", b"heic"])
def test_a_film_without_a_picture_is_unsupported(brand: bytes) -> None:
    film = box(b"ftyp", brand, bytes(4)) + box(b"moov", box(b"free", bytes(8))) + box(b"mdat", bytes(100))

    with pytest.raises(UnsupportedFormat, match="film"):
        thumbnail(film)


@pytest.mark.parametrize("rest", [b"", box(b"mdat", bytes(100)), box(b"mdat", bytes(100))[:50], b"\0\0\1\0meta\0\0"])
@pytest.mark.parametrize("brand", [b"heic", b"avif", b"mif1"])
def test_a_file_that_ends_before_its_tables_is_truncated(brand: bytes, rest: bytes) -> None:
    with pytest.raises(Truncated):
        thumbnail(box(b"ftyp", brand, bytes(4)) + rest)
