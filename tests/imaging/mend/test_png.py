import struct
import zlib
from io import BytesIO

import pytest
from PIL import PngImagePlugin

from raythumbs.errors import BadPicture, UnsupportedFormat
from raythumbs.imaging import RenditionSpec, render
from raythumbs.imaging.mend import mend
from raythumbs.imaging.orientation import upright
from tests.imaging.pictures import LIMITS, corners, four_corners, near, opened, png_of, saved

PHOTO = saved(four_corners(), "PNG")
PIXELS, END = PHOTO.index(b"IDAT") - 4, PHOTO.index(b"IEND") - 4
SPECS = [RenditionSpec(width=120, height=120)]


def chunk(name: bytes, content: bytes, *, sound: bool = True) -> bytes:
    whole = png_of((name, content))[8:-12]
    return whole if sound else whole[:-1] + bytes([whole[-1] ^ 1])


def with_chunks(chunks: bytes, *, behind: bool = False) -> bytes:
    at = END if behind else PIXELS
    return PHOTO[:at] + chunks + PHOTO[at:]


def notes_of_whole(photo: bytes) -> tuple[str, ...]:
    """The notes of a photo that shows what it should."""
    made = render(photo, SPECS, LIMITS)
    assert near(corners(opened(made.renditions[0].data)), corners(four_corners()), within=8)
    return made.notes


FAULTY = {
    "a wrong checksum of text": chunk(b"tEXt", b"Comment\0hello", sound=False),
    "a wrong checksum of the gamma": chunk(b"gAMA", struct.pack(">I", 45455), sound=False),
    "a wrong checksum of the profile": chunk(b"iCCP", b"x\0\0" + zlib.compress(b"junk"), sound=False),
    "a wrong checksum of a private chunk": chunk(b"vpAg", bytes(9), sound=False),
    "an unknown compression of the profile": chunk(b"iCCP", b"x\0\1abc"),
    "a profile that is no compressed data": chunk(b"iCCP", b"x\0\0abc"),
    "a profile without a name": chunk(b"iCCP", b"x"),
    "a profile that is an attack": chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(8 << 20))),
    **{f"a short {name}": chunk(name.encode(), b"\1") for name in ("pHYs", "gAMA", "cHRM", "tRNS", "tIME", "cICP")},
    "an empty sRGB": chunk(b"sRGB", b""),
}
WITHOUT_FAULT = {
    "text of an unknown compression": chunk(b"zTXt", b"Comment\0\7abc"),
    "text that is no compressed data": chunk(b"zTXt", b"Comment\0\0abc"),
    "text without a keyword": chunk(b"zTXt", b""),
    "8 MB of compressed text": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(8 << 20))),
    "8 MB of compressed international text": chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(8 << 20))),
    "a megabyte of text": chunk(b"tEXt", b"k\0" + bytes(1 << 20)),
    "an animation without its frames": chunk(b"acTL", struct.pack(">II", 2, 0)),
    "a frame without an animation": chunk(b"fdAT", struct.pack(">I", 5) + b"x"),
    "a short frame": chunk(b"acTL", b"") + chunk(b"fcTL", b"") + chunk(b"fdAT", b""),
}


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("fault", FAULTY)
def test_a_png_with_a_broken_chunk_that_no_pixel_needs_is_whole_and_has_a_note(fault: str, *, behind: bool) -> None:
    [note] = notes_of_whole(with_chunks(FAULTY[fault], behind=behind))

    assert note.startswith("the chunk ")


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", WITHOUT_FAULT)
def test_texts_and_further_frames_are_left_out_unread(kind: str, *, behind: bool) -> None:
    assert notes_of_whole(with_chunks(WITHOUT_FAULT[kind], behind=behind)) == ()


@pytest.mark.parametrize("cut", [1, 6, 11, 12])
def test_a_png_that_lacks_only_its_end_is_whole_and_has_a_note(cut: int) -> None:
    assert notes_of_whole(PHOTO[:-cut]) == ("the file ends before its last chunk (IEND)",)


def test_a_png_that_ends_in_a_text_behind_its_pixels_is_whole() -> None:
    cut = with_chunks(chunk(b"tEXt", b"k\0" + bytes(99)), behind=True)[:-60]

    assert "the chunk tEXt was ignored: the file ends in it" in notes_of_whole(cut)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_a_wrong_checksum_of_what_the_pixels_need_is_a_refusal(name: bytes) -> None:
    photo = bytearray(saved(four_corners().quantize(8), "PNG"))
    at = photo.index(name)
    [size] = struct.unpack_from(">I", photo, at - 4)
    photo[at + 4 + size] ^= 1

    with pytest.raises(BadPicture) as refusal:
        render(bytes(photo), SPECS, LIMITS)

    assert refusal.value.code == "corrupt"


def test_exif_behind_the_pixels_turns_the_photo() -> None:
    exif = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"

    made = render(with_chunks(chunk(b"eXIf", exif) + chunk(b"zTXt", b"k\0\0x"), behind=True), SPECS, LIMITS)

    right = upright(four_corners(), 6)
    assert (made.width, made.height) == right.size
    assert near(corners(opened(made.renditions[0].data)), corners(right), within=8)


def test_a_broken_chunk_of_transparency_leaves_the_photo_opaque() -> None:
    photo = saved(four_corners().quantize(8), "PNG", transparency=bytes(4))
    at = photo.index(b"tRNS") + 4 + 4
    broken = photo[:at] + bytes([photo[at] ^ 1]) + photo[at + 1 :]

    assert notes_of_whole(broken) == ("the chunk tRNS was ignored: its checksum is wrong",)


def test_a_sound_png_is_read_as_it_is() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "A photo")
    file = BytesIO(saved(four_corners(), "PNG", pnginfo=texts, dpi=(72, 72), transparency=(1, 2, 3)))

    assert mend(file).file is file


def test_a_png_for_apples_devices_is_unsupported() -> None:
    with pytest.raises(UnsupportedFormat, match="CgBI"):
        render(PHOTO[:8] + chunk(b"CgBI", b"\x50\0\x20\2") + PHOTO[8:], SPECS, LIMITS)
