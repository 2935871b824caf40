from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from raythumbs.imaging.jpeg.steps import steps
from raythumbs.model.photo import Fit, Format
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    PHOTOGRAPHS,
    RED,
    YELLOW,
    corners,
    four_corners,
    mean_error,
    near,
    opened,
    photograph,
    rendition,
    saved,
    thumbnail,
)

SECRET = "51.4778N 0.0015W"
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><where>{SECRET}</where></x:xmpmeta>'.encode()


def telling_photo(written_as: str) -> bytes:
    """A photo that tells where it was taken, in every way that its format has."""
    exif = Image.Exif()
    exif[0x010E] = SECRET
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 28.0, 40.12), 3: "W", 4: (0.0, 0.0, 5.31), 29: "2026:11:23"})
    options: dict[str, Any] = {
        "exif": exif,
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }
    match written_as:
        case "JPEG":
            options |= {"comment": SECRET, "xmp": XMP}
        case "PNG":
            text = PngImagePlugin.PngInfo()
            text.add_text("Comment", SECRET)
            text.add_itxt("XML:com.adobe.xmp", XMP.decode())
            options |= {"pnginfo": text}
        case "WEBP" | "AVIF" | "HEIF":
            options |= {"xmp": XMP}
        case "TIFF":
            options |= {"tiffinfo": {270: SECRET, 700: XMP}}
        case "GIF":
            options = {"comment": SECRET}
    photo = saved(four_corners(), written_as, **options)
    if written_as == "JPEG":  # and as newspapers do (IPTC-IIM), and a picture within the picture
        told = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x16\x1c\x02\x5a\0\x11" + SECRET.encode()
        photo = photo[:2] + b"\xff\xed" + (len(told) + 2).to_bytes(2, "big") + told + photo[2:]
        photo += saved(four_corners(), "JPEG", comment=SECRET)
    return photo


# --- nothing about the photo


@pytest.mark.parametrize("written_as", Format)
@pytest.mark.parametrize("photo", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "GIF"])
def test_a_thumbnail_has_no_metadata_of_its_photo(photo: str, written_as: Format) -> None:
    source = telling_photo(photo)
    assert SECRET.encode() in source

    made = rendition(source, format=written_as).data

    assert SECRET.encode() not in made
    for mark in (
        b"Exif\0\0",
        b"EXIF",
        b"eXIf",
        b"xmpmeta",
        b"8BIM",
        b"Photoshop",
        b"adobe",
        b"XMP",
        b"acsp",
        b"ICCP",
        b"iCCP",
        b"tEXt",
        b"iTXt",
    ):
        assert mark not in made
    assert not opened(made).getexif()


def test_a_jpeg_has_no_segments_but_those_that_its_pixels_need() -> None:
    made = rendition(telling_photo("JPEG"), format=Format.JPEG).data

    assert set(_segments(made)) == {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}  # JFIF, tables, frame, Huffman tables, scan
    assert made[6:11] == b"JFIF\0"


def test_a_png_has_no_chunks_but_those_that_its_pixels_need() -> None:
    made = rendition(telling_photo("PNG"), format=Format.PNG).data

    assert set(_chunks(made)) == {b"IHDR", b"IDAT", b"IEND"}


# --- what it was asked to be


@pytest.mark.parametrize("written_as", Format)
def test_a_rendition_is_written_in_the_format_of_its_spec(written_as: Format) -> None:
    made = rendition(saved(four_corners(), "PNG"), format=written_as)

    with Image.open(BytesIO(made.data)) as picture:
        assert str(picture.format).lower() == written_as
        assert picture.size == (made.width, made.height)


@pytest.mark.parametrize("written_as", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_more_quality_takes_more_bytes_and_comes_closer(written_as: Format) -> None:
    photo = saved(photograph("flower"), "PNG")

    low, high = (rendition(photo, format=written_as, quality=quality).data for quality in (30, 90))

    assert len(low) < len(high) / 2


@pytest.mark.parametrize("written_as", Format)
def test_rendering_a_photo_twice_writes_the_same_bytes(written_as: Format) -> None:
    photo = saved(photograph("temple"), "JPEG")

    assert rendition(photo, format=written_as).data == rendition(photo, format=written_as).data


# --- alpha


def half_clear() -> bytes:
    """Left half clear, and red underneath; right half blue."""
    picture = Image.new("RGBA", (400, 400), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (200, 0, 400, 400))
    return saved(picture, "PNG")


def test_a_jpeg_has_white_where_the_photo_is_clear() -> None:
    made = thumbnail(half_clear(), format=Format.JPEG, quality=95)

    assert made.mode == "RGB"
    assert near(corners(made), [(255, 255, 255), (0, 0, 255)] * 2, within=3)


def test_half_clear_is_half_white() -> None:
    photo = saved(Image.new("RGBA", (400, 400), (0, 0, 0, 128)), "PNG")

    assert near(corners(thumbnail(photo, format=Format.JPEG)), [(127, 127, 127)] * 4, within=2)


def test_the_colour_of_transparent_pixels_does_not_show_at_the_edge() -> None:
    made = thumbnail(half_clear(), width=45, height=45, format=Format.JPEG, quality=100)

    red, green, _ = np.moveaxis(np.asarray(made, dtype=int), 2, 0)
    assert (red - green).max() < 12


@pytest.mark.parametrize("written_as", [Format.PNG, Format.WEBP, Format.AVIF])
def test_alpha_is_kept_where_the_format_has_it(written_as: Format) -> None:
    made = thumbnail(half_clear(), format=written_as)

    assert made.mode == "RGBA"
    alpha = made.getchannel("A")
    assert near([alpha.getpixel((20, 150)), alpha.getpixel((280, 150))], [0, 255], within=1)
    assert near(made.getpixel((280, 150))[:3], (0, 0, 255), within=3)


@pytest.mark.parametrize(
    ("written_as", "ground"),
    [(Format.JPEG, (255, 255, 255)), (Format.PNG, (255, 255, 255, 0)), (Format.WEBP, (255, 255, 255, 0))],
)
def test_the_ground_of_contain_is_clear_where_the_format_has_that_and_else_white(
    written_as: Format, ground: tuple[int, ...]
) -> None:
    photo = saved(four_corners(120, 80).convert("RGBA"), "PNG")

    made = thumbnail(photo, width=100, height=100, fit=Fit.CONTAIN, format=written_as)

    assert made.size == (100, 100)
    assert near(made.getpixel((50, 5)), ground, within=2)
    assert near(corners(made.crop((0, 17, 100, 83))), [RED, GREEN, BLUE, YELLOW], within=12)


def _segments(jpeg: bytes) -> list[int]:
    """The markers of a JPEG's segments, up to its scan (ITU T.81, annex B)."""
    at, markers = 2, []
    while not markers or markers[-1] != 0xDA:
        assert jpeg[at] == 0xFF
        markers.append(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return markers


def _chunks(png: bytes) -> list[bytes]:
    """The names of a PNG's chunks."""
    at, names = 8, []
    while at < len(png):
        names.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return names


# --- JPEG


@pytest.mark.parametrize("quality", [1, 49, 50, 95, 100])
@pytest.mark.parametrize("size", [(1, 1), (300, 200), (16, 2000), (400, 300)])
def test_even_noise_is_written_at_every_quality(size: tuple[int, int], quality: int) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))

    made = rendition(saved(noise, "PNG"), width=2000, height=2000, format=Format.JPEG, quality=quality)

    assert opened(made.data).size == size


def test_a_better_quality_is_a_larger_file_that_is_nearer_to_the_photo() -> None:
    photo = photograph("cat")

    made = [rendition(saved(photo, "PNG"), width=451, format=Format.JPEG, quality=q) for q in (30, 60, 85, 95, 100)]

    errors = [mean_error(opened(one.data), photo) for one in made]
    assert sorted(errors, reverse=True) == errors
    assert sorted(len(one.data) for one in made) == [len(one.data) for one in made]


def test_colours_are_kept_as_well_as_light() -> None:
    """With the steps of the standard, colours at quality 85 are off by a quarter more."""
    photo = photograph("astronaut").resize((256, 256), Image.Resampling.LANCZOS)

    made = opened(rendition(saved(photo, "PNG"), format=Format.JPEG).data)
    standard = opened(saved(photo, "JPEG", quality=85))

    ours, theirs = (
        np.abs(np.subtract(one.convert("YCbCr"), photo.convert("YCbCr"), dtype=float))[..., 1:].mean()
        for one in (made, standard)
    )
    assert ours < 0.85 * theirs


BASELINE, PROGRESSIVE = 0xC0, 0xC2


@pytest.mark.parametrize(("side", "frame"), [(300, BASELINE), (512, PROGRESSIVE)])
def test_a_large_jpeg_is_progressive_and_a_small_one_is_not(side: int, frame: int) -> None:
    photo = saved(photograph("astronaut"), "PNG")

    assert frame in _segments(rendition(photo, width=side, height=side, format=Format.JPEG).data)


def test_the_smooth_parts_of_a_large_jpeg_are_truer_in_fewer_bytes_than_with_the_steps_of_a_small_one() -> None:
    photo = photograph("astronaut")

    made = rendition(saved(photo, "PNG"), width=512, height=512, format=Format.JPEG).data
    small = saved(photo, "JPEG", qtables=steps(85, large=False), optimize=True)

    smooth = [one.resize((64, 64), Image.Resampling.BOX) for one in (photo, opened(made), opened(small))]
    assert len(made) < len(small)
    assert mean_error(smooth[1], smooth[0]) < mean_error(smooth[2], smooth[0])


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("quality", [1, 50, 85, 100])
def test_every_step_fits_into_a_baseline_file(quality: int, *, large: bool) -> None:
    for table in steps(quality, large=large):
        assert len(table) == 64
        assert min(table) >= 1
        assert max(table) <= 255


def text(ink: str, ground: str, side: int) -> Image.Image:
    picture = Image.new("RGB", (2 * side, 2 * side), ground)
    draw = ImageDraw.Draw(picture)
    for line in range(side // 20):
        draw.text((20, 10 + 40 * line), "The quick brown fox jumps over the lazy dog " * 4, fill=ink, font_size=28)
    return picture.resize((side, side), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("side", [300, 600])
@pytest.mark.parametrize("ground", ["white", "black", "blue"])
def test_red_text_keeps_its_edges(ground: str, side: int) -> None:
    picture = text("red", ground, side)

    made = opened(rendition(saved(picture, "PNG"), width=side, height=side, format=Format.JPEG).data)

    halved = opened(saved(picture, "JPEG", qtables=steps(85, large=False), subsampling="4:2:0"))
    assert mean_error(made, picture) < 0.6 * mean_error(halved, picture)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("side", [200, 300, 640])
def test_photographs_have_one_sample_of_colour_for_four_pixels(name: str, side: int) -> None:
    made = rendition(saved(photograph(name), "PNG"), width=side, height=side, format=Format.JPEG).data

    assert _sampling_of_light(made) == 0x22


@pytest.mark.parametrize(("ink", "sampling"), [("red", 0x11), ("black", 0x22), ("blue", 0x22)])
def test_only_edges_of_red_need_all_samples_of_colour(ink: str, sampling: int) -> None:
    made = rendition(saved(text(ink, "white", 300), "PNG"), format=Format.JPEG).data

    assert _sampling_of_light(made) == sampling


@pytest.mark.parametrize("quality", [90, 95, 100])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.6, 0.7])
def test_a_picture_that_is_partly_noise_is_written_at_every_quality(share: float, quality: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    pixels[int(300 * share) :] //= 6

    made = rendition(saved(Image.fromarray(pixels), "PNG"), format=Format.JPEG, quality=quality)

    assert opened(made.data).size == (300, 300)


def _sampling_of_light(jpeg: bytes) -> int:
    """The samples of light for one of colour, across and down (ITU T.81, B.2.2)."""
    [marker] = {BASELINE, PROGRESSIVE} & set(_segments(jpeg))
    return jpeg[jpeg.index(bytes([0xFF, marker, 0])) + 11]
