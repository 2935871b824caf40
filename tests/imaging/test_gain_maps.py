"""A gain map, with which phones show a photo brighter than white, is left out: the photo is shown as everybody sees it.

Formats: Android's "Ultra HDR image format", Apple's auxiliary picture `hdrgainmap`, and ISO 21496-1 (`tmap`).
"""

import struct
from collections.abc import Callable

import pytest
from PIL import Image

from raythumbs.imaging import render
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.heif.files import Item, aux, avif, coded, heic, ispe
from tests.imaging.pictures import LIMITS, four_corners, saved

SPECS = [RenditionSpec(format=Format.PNG)]
GAIN = Image.linear_gradient("L").resize((60, 40))

_OF_PHOTO = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 hdrgm:Version="1.0"><Container:Directory><rdf:Seq>
<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>
<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg"
 Item:Length="%d"/></rdf:li>
</rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"""
_OF_GAIN_MAP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" hdrgm:GainMapMax="3"
 hdrgm:HDRCapacityMax="3"/></rdf:RDF></x:xmpmeta>"""
_ISO_METADATA = (
    struct.pack(">BHHB", 0, 0, 0, 0) + struct.pack(">IIII", 0, 1, 3, 1) + struct.pack(">iIiIIIiIiI", *(0, 1) * 5)
)


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_xmp(jpeg: bytes, xmp: bytes) -> bytes:
    return jpeg[:2] + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) + jpeg[2:]


def ultra_hdr(photo: bytes) -> bytes:
    gain_map = with_xmp(saved(GAIN, "JPEG"), _OF_GAIN_MAP)
    return with_xmp(photo, _OF_PHOTO % len(gain_map)) + gain_map


def ultra_hdr_of_iso(photo: bytes) -> bytes:
    told = segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))
    gain_map = saved(GAIN, "JPEG")
    gain_map = gain_map[:2] + segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + _ISO_METADATA) + gain_map[2:]
    return photo[:2] + told + photo[2:] + gain_map


@pytest.mark.parametrize("make", [ultra_hdr, ultra_hdr_of_iso])
def test_a_jpeg_with_a_gain_map_is_shown_as_it_is_without_it(make: Callable[[bytes], bytes]) -> None:
    photo = saved(four_corners(), "JPEG")

    with_gain_map, without = (render(file, SPECS, LIMITS) for file in (make(photo), photo))

    assert (with_gain_map.format, with_gain_map.renditions) == (without.format, without.renditions)
    assert with_gain_map.notes == ()


@pytest.mark.parametrize("cut", [1, 200, 600])
def test_a_gain_map_that_is_cut_costs_the_photo_nothing(cut: int) -> None:
    photo = saved(four_corners(), "JPEG")

    assert render(ultra_hdr(photo)[:-cut], SPECS, LIMITS).renditions == render(photo, SPECS, LIMITS).renditions


def apples(photo: Item, gain_map: Item) -> dict[int, Item]:
    return {1: photo, 2: gain_map.has(aux(b"urn:com:apple:photo:2020:aux:hdrgainmap\0"), auxl=1)}


def isos(photo: Item, gain_map: Item) -> dict[int, Item]:
    return {1: photo, 2: gain_map, 3: Item(b"tmap", b"\0" + _ISO_METADATA, [ispe(120, 80)], {b"dimg": [1, 2]})}


@pytest.mark.parametrize("written_as", ["HEIF", "AVIF"])
@pytest.mark.parametrize("items", [apples, isos])
def test_a_heic_and_an_avif_with_a_gain_map_are_shown_as_they_are_without_it(items, written_as: str) -> None:
    build = heic if written_as == "HEIF" else avif
    photo, gain_map = coded(four_corners(), written_as), coded(GAIN, written_as)

    with_gain_map, without = (render(build(those), SPECS, LIMITS) for those in (items(photo, gain_map), {1: photo}))

    assert (with_gain_map.format, with_gain_map.renditions) == (without.format, without.renditions)
    assert with_gain_map.notes == ()


@pytest.mark.parametrize("written_as", ["HEIF", "AVIF"])
@pytest.mark.parametrize("items", [apples, isos])
def test_a_gain_map_without_data_costs_the_photo_nothing(items, written_as: str) -> None:
    build = heic if written_as == "HEIF" else avif
    photo, gain_map = coded(four_corners(), written_as), coded(GAIN, written_as)
    zeros = Item(gain_map.kind, bytes(len(gain_map.data)), gain_map.properties)

    made = render(build(items(photo, zeros)), SPECS, LIMITS)

    assert made.renditions == render(build({1: photo}), SPECS, LIMITS).renditions
