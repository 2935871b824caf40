import re
from functools import cache
from typing import Any

import pytest
from PIL import Image

from raythumbs.errors import BadPicture, Truncated
from raythumbs.imaging import Limits, Rendered, render
from raythumbs.imaging.jpeg.decode import NO_END
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.pictures import LANCZOS, LIMITS, mean_error, opened, photograph, saved, thumbnail
from tests.pairs import pairs

ENDING: dict[str, dict[str, Any]] = {
    "colour": {},
    "colour in full": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 4},
    "restarts by row": {"restart_marker_rows": 1},
}
WAYS: dict[str, dict[str, Any]] = {**ENDING, "progressive": {"progressive": True}}


@cache
def a_file(way: str, *, mode: str = "RGB", size: tuple[int, int] = (640, 430)) -> bytes:
    return saved(photograph("temple").resize(size).convert(mode), "JPEG", **WAYS[way])


@pytest.mark.parametrize(
    ("way", "mode", "part", "side"), pairs(list(ENDING), ["RGB", "L", "CMYK"], [0.0, 0.3, 0.6, 0.95], [30, 110, 300])
)
def test_a_jpeg_whose_pixels_end_before_its_end_marker_is_truncated(
    way: str, mode: str, part: float, side: int
) -> None:
    file = a_file(way, mode=mode)
    scan = file.index(b"\xff\xda") + 14
    cut = scan + int(part * (len(file) - scan))
    ended = file[:cut].rstrip(b"\xff") + b"\xff\xd9"

    with pytest.raises(Truncated):
        render(ended, [RenditionSpec(width=side, height=side)], LIMITS)


@pytest.mark.parametrize("way", ["restarts", "restarts by row"])
def test_a_jpeg_that_ends_at_a_restart_is_truncated_too(way: str) -> None:
    file = a_file(way)
    cut = file.index(b"\xff\xd5", file.index(b"\xff\xda"))

    with pytest.raises(Truncated):
        render(file[:cut] + b"\xff\xd9", [RenditionSpec()], LIMITS)


@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_a_progressive_jpeg_whose_first_scan_is_cut_short_is_truncated(part: float) -> None:
    file = a_file("progressive")
    scan = file.index(b"\xff\xda") + 14
    scan_ends = file.index(b"\xff\xc4", scan)
    ended = file[: scan + int(part * (scan_ends - scan))].rstrip(b"\xff") + b"\xff\xd9"

    with pytest.raises(Truncated):
        render(ended, [RenditionSpec()], LIMITS)


def test_a_progressive_jpeg_of_fewer_scans_than_usual_is_whole() -> None:
    photo = photograph("temple").resize((640, 430))
    file = saved(photo, "JPEG", progressive=True)
    after_first = file.index(b"\xff\xc4", file.index(b"\xff\xda"))

    made = thumbnail(file[:after_first] + b"\xff\xd9")

    assert mean_error(made, photo.resize(made.size, LANCZOS)) < 16


@pytest.mark.parametrize("way", [*ENDING, "progressive"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_is_grey_to_its_end_is_whole(way: str, mode: str) -> None:
    grey = (
        Image.new("CMYK", (641, 433), (127, 127, 127, 127))
        if mode == "CMYK"
        else Image.new(mode, (641, 433), "#808080")
    )
    photo = saved(grey, "JPEG", **ENDING.get(way, {"progressive": True}))

    assert max(thumbnail(photo).size) == 300
    assert max(thumbnail(photo + photo).size) == 300


WIDE = photograph("temple").resize((320, 2000))


def cut_at(file: bytes, share: float) -> bytes:
    """The file without its end, which is cut in the data of its last scan."""
    scan = file.rindex(b"\xff\xda") + 14
    return file[: scan + int(share * (len(file) - scan))].rstrip(b"\xff")


def rendered(photo: bytes, *, missing_rows: float = 0.02, side: int = 300) -> Rendered:
    return render(photo, [RenditionSpec(width=side, height=side, format=Format.PNG)], Limits(missing_rows=missing_rows))


@pytest.mark.parametrize(("way", "mode", "side"), pairs(list(WAYS), ["RGB", "L", "CMYK"], [30, 300, 700]))
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole_and_has_a_note(way: str, mode: str, side: int) -> None:
    file = a_file(way, mode=mode)

    made = rendered(file[:-2], side=side)

    assert made.notes == (NO_END,)
    assert made.renditions == rendered(file, side=side).renditions


@pytest.mark.parametrize(("way", "end", "side"), pairs(list(ENDING), [b"", b"\xff\xd9"], [100, 1000]))
def test_a_jpeg_that_lacks_a_few_rows_is_shown_without_them(way: str, end: bytes, side: int) -> None:
    file = a_file(way, size=(320, 2000))

    made = rendered(cut_at(file, 0.995) + end, side=side)

    assert 1950 < made.height < 2000
    assert "rows are missing" in made.notes[-1]
    shown = opened(made.renditions[0].data)
    assert mean_error(shown, WIDE.crop((0, 0, 320, made.height)).resize(shown.size, LANCZOS)) < 3
    last_row = shown.crop((0, shown.height - 1, shown.width, shown.height))
    assert mean_error(last_row, Image.new("RGB", last_row.size, (128, 128, 128))) > 20


@pytest.mark.parametrize("way", ENDING)
def test_the_share_of_rows_that_may_be_missing_is_a_limit(way: str) -> None:
    file = cut_at(a_file(way, size=(320, 2000)), 0.9)

    made = rendered(file, missing_rows=0.3)

    assert 1600 < made.height < 1900
    for missing_rows in (0, 0.02):
        with pytest.raises(Truncated, match="rows are missing"):
            rendered(file, missing_rows=missing_rows)


def test_a_photo_that_lies_on_its_side_loses_rows_as_they_are_stored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    made = rendered(cut_at(saved(WIDE, "JPEG", exif=exif), 0.995))

    assert (made.height, made.width > 1950, made.width < 2000) == (320, True, True)


def test_no_row_may_be_missing_if_the_limit_is_none() -> None:
    with pytest.raises(Truncated):
        rendered(cut_at(saved(WIDE, "JPEG"), 0.995), missing_rows=0)


@pytest.mark.parametrize("stray", ["ffe0", "fffe", "ff01", "ffd0", "ffd9", "ffc4", "ffdb", "ffda", "fff7", "ff02"])
@pytest.mark.parametrize("way", WAYS)
def test_a_stray_marker_amid_the_data_leaves_no_grey_part(way: str, stray: str) -> None:
    file = a_file(way)
    first_scan = file.index(b"\xff\xda") + 14
    at = first_scan + (file.index(b"\xff\xc4", first_scan) - first_scan if way == "progressive" else len(file)) // 3
    grey = Image.new("RGB", (150, 50), (128, 128, 128))

    try:
        made = rendered(file[:at].rstrip(b"\xff") + bytes.fromhex(stray) + file[at + 2 :])
    except BadPicture:
        return

    shown = opened(made.renditions[0].data)
    for top in range(0, shown.height - 10, 5):
        band = shown.crop((shown.width // 2, top, shown.width, top + 10))
        assert mean_error(band, grey.resize(band.size)) > 2


@cache
def whole(file: bytes, side: int, decoders: str) -> Rendered:
    return rendered(file, side=side)


@pytest.mark.parametrize(
    ("scan", "side", "stray"),
    pairs(
        range(1, 10),
        [150, 450],
        ["ffe00004ffff", "fffe", "ff01", "ffd0", "ffd5", "ffd9", "ffdb", "fff7", "ff02"],
    ),
)
def test_a_stray_marker_in_a_later_scan_of_a_progressive_jpeg_leaves_no_part_less_sharp(
    scan: int, side: int, stray: str, decoders: str
) -> None:
    file = a_file("progressive")
    starts = [found.start() for found in re.finditer(b"\xff\xda", file)]
    ends = [*(file.index(b"\xff\xc4", start) for start in starts[:-1]), len(file) - 2]
    at = (starts[scan] + ends[scan]) // 2

    try:
        made = rendered(file[:at].rstrip(b"\xff") + bytes.fromhex(stray) + file[at + 2 :], side=side)
    except BadPicture:
        return

    shown, right = (opened(one.renditions[0].data) for one in (made, whole(file, side, decoders)))
    assert mean_error(shown, right.crop((0, 0, *shown.size))) < 0.5


def test_a_progressive_jpeg_that_lacks_only_scans_that_its_thumbnail_does_not_need_is_whole() -> None:
    photo = photograph("temple", times=3)
    file = saved(photo, "JPEG", progressive=True)

    made = rendered(cut_at(file, 0.1), side=100)

    assert made.notes == (NO_END,)
    assert mean_error(opened(made.renditions[0].data), opened(rendered(file, side=100).renditions[0].data)) < 0.5


def test_a_progressive_jpeg_that_lacks_scans_that_its_thumbnail_needs_is_truncated() -> None:
    file = saved(photograph("temple"), "JPEG", progressive=True)
    second = file.index(b"\xff\xda", file.index(b"\xff\xda") + 2)

    with pytest.raises(Truncated):
        rendered(file[: second + 40])


def in_scans_of_one_component(photo: Image.Image) -> bytes:
    """A baseline JPEG of a scan for each component: each part of a picture of three times the same grey."""
    grey = saved(photo.convert("L"), "JPEG")
    head, scan = grey[: grey.index(b"\xff\xc0")], grey[grey.index(b"\xff\xda") + 10 : -2]
    tables = grey[grey.index(b"\xff\xc4") : grey.index(b"\xff\xda")]
    size = grey[grey.index(b"\xff\xc0") + 5 :][:4]
    frame = b"\xff\xc0\0\x11\x08" + size + b"\3" + b"".join(bytes([one, 0x11, 0]) for one in (1, 2, 3))
    scans = [b"\xff\xda\0\x08\1" + bytes([one]) + b"\0\0\x3f\0" + scan for one in (1, 2, 3)]
    return head + frame + tables + b"".join(scans) + b"\xff\xd9"


def test_a_jpeg_in_several_scans_needs_all_components() -> None:
    file = in_scans_of_one_component(photograph("temple"))
    last = file.rindex(b"\xff\xda")

    assert rendered(file).notes == ()
    assert rendered(file[:-2]).notes == (NO_END,)
    for cut in (file[:last] + b"\xff\xd9", file[:last], file[: last + 400]):
        with pytest.raises(Truncated):
            rendered(cut)


def test_the_missing_rows_of_a_restart_interval_amid_the_picture_are_found() -> None:
    file = a_file("restarts by row")
    [third, fourth] = [file.index(marker, file.index(b"\xff\xda")) for marker in (b"\xff\xd2", b"\xff\xd3")]

    with pytest.raises(Truncated):
        rendered(file[: third + 2 + (fourth - third) // 2].rstrip(b"\xff") + file[fourth:])


@pytest.mark.parametrize(("way", "share", "empty"), pairs(list(WAYS), [0.2, 0.6, 0.95], [b"\0", b"\xff"]))
def test_a_jpeg_that_ends_in_empty_bytes_in_place_of_data_is_truncated(way: str, share: float, empty: bytes) -> None:
    file = a_file(way)
    first_scan = file.index(b"\xff\xda") + 14
    cut = first_scan + int(
        share * ((file.index(b"\xff\xc4", first_scan) if way == "progressive" else len(file)) - first_scan)
    )

    with pytest.raises(Truncated):
        rendered(file[:cut] + empty * 600_000)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("empty", [b"\0", b"\xff"])
def test_empty_bytes_behind_a_whole_jpeg_mean_nothing(way: str, empty: bytes) -> None:
    file = saved(photograph("temple"), "JPEG", **WAYS[way])

    made = rendered(file + empty * 600_000)

    assert (made.notes, made.renditions) == ((), rendered(file).renditions)
