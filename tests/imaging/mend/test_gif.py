import pytest
from PIL import Image

from raythumbs.imaging import Format, RenditionSpec, render
from raythumbs.imaging.mend.gif import TOO_SHORT
from tests.imaging.pictures import LIMITS, corners, four_corners, near, opened, saved, thumbnail

MAGENTA, RED = (255, 0, 255), (255, 0, 0)


def with_junk(junk: bytes) -> bytes:
    """A GIF with junk before its first image."""
    photo = saved(four_corners().quantize(8), "GIF")
    colours_end = 13 + (6 << (photo[10] & 7))
    return photo[:colours_end] + junk + photo[colours_end:]


@pytest.mark.parametrize("content", [b"\0", b"\1\1\0", b"\3\1\0\0\0"])
def test_a_gif_with_a_short_control_extension_is_whole_and_has_a_note(content: bytes) -> None:
    made = render(with_junk(b"!\xf9" + content), [RenditionSpec(format=Format.PNG)], LIMITS)

    assert made.notes == (TOO_SHORT,)
    assert near(corners(opened(made.renditions[0].data)), corners(four_corners()), within=0)


@pytest.mark.parametrize(
    "extension", [b"!\xfe\0", b"!\xff\0", b"!\xff\x0bNETSCAPE2.0\0", b"!\xff\3abc\0", b"!\1\0", b"!\x77\2ab\0", b"\0\0"]
)
def test_a_gif_with_an_odd_extension_is_whole(extension: bytes) -> None:
    assert near(corners(thumbnail(with_junk(extension))), corners(four_corners()), within=0)


@pytest.mark.parametrize("cut", [1, 2])
def test_a_gif_that_lacks_only_its_end_is_whole(cut: int) -> None:
    photo = saved(four_corners().quantize(8), "GIF")

    assert near(corners(thumbnail(photo[:-cut])), corners(four_corners()), within=0)


def framed(frame: Image.Image, *, left: int = 0, top: int = 0, canvas: tuple[int, int] = (80, 60)) -> bytes:
    """A GIF whose first frame is smaller than its canvas."""
    photo = bytearray(saved(frame, "GIF"))
    image = photo.index(b",", 13 + (6 << (photo[10] & 7)))
    photo[6:10] = b"".join(side.to_bytes(2, "little") for side in canvas)
    photo[image + 1 : image + 5] = left.to_bytes(2, "little") + top.to_bytes(2, "little")
    return bytes(photo)


def red_after_magenta() -> Image.Image:
    """A red picture whose palette begins with magenta."""
    picture = Image.new("P", (40, 30), 1)
    picture.putpalette([*MAGENTA, *RED])
    return picture


@pytest.mark.parametrize("frame", [red_after_magenta(), Image.new("L", (40, 30), 90)], ids=["palette", "grey"])
def test_the_margin_around_a_gifs_first_frame_is_transparent(frame: Image.Image) -> None:
    made = thumbnail(framed(frame, left=20, top=15), width=80, height=60)

    assert (made.size, made.mode) == ((80, 60), "RGBA")
    assert [made.getpixel(place)[3] for place in ((2, 2), (77, 57), (40, 5), (5, 30))] == [0] * 4
    assert made.getpixel((40, 30)) == (*frame.convert("RGB").getpixel((0, 0)), 255)


def test_the_margin_around_a_gifs_first_frame_is_white_in_a_jpeg() -> None:
    made = thumbnail(framed(red_after_magenta(), left=20, top=15), width=80, height=60, format=Format.JPEG)

    assert near(made.getpixel((4, 4)), (255, 255, 255), within=2)
    assert near(made.getpixel((40, 30)), RED, within=4)


def test_a_frame_of_the_whole_canvas_stays_opaque() -> None:
    assert thumbnail(framed(red_after_magenta(), canvas=(40, 30))).mode == "RGB"
