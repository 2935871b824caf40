"""The names of files, as clients write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from raythumbs.web.disposition import names_of
from tests.cpu_time import within_cpu


def named(parameters: bytes) -> str | None:
    field, name = names_of(b'form-data; name="file"' + parameters)
    assert field == "file"
    return name


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (b"", None),
        (b'; filename="a.jpg"', "a.jpg"),
        (b"; filename=a.jpg", "a.jpg"),
        (b'; FileName="a.jpg"', "a.jpg"),
        (b';filename = "a.jpg" ; size=9', "a.jpg"),
        (b'; filename=""', ""),
        (b'; filename="a;b, c.jpg"; x="filename=z"', "a;b, c.jpg"),
        ('; filename="naïve 写真.jpg"'.encode(), "naïve 写真.jpg"),
        ('; filename="naïve.jpg"'.encode("latin-1"), "naïve.jpg"),
        ('; filename="„Æther“.jpg"'.encode("cp1252"), "„Æther“.jpg"),
        (b'; filename="\x81.jpg"', "\x81.jpg"),
        (b'; filename="a\\"b\\\\c.jpg"', 'a"b\\c.jpg'),
        (b'; filename="a%22b.jpg"', 'a"b.jpg'),
        (b'; filename="100%25.jpg"', "100%25.jpg"),
        (b'; filename="C:\\photos\\2026\\a.jpg"', "a.jpg"),
        (b'; filename="\\\\server\\photos\\a.jpg"', "a.jpg"),
        (b"; filename*=UTF-8''na%C3%AFve%20%281%29.jpg", "naïve (1).jpg"),
        (b"; filename*=utf-8'en'a.jpg", "a.jpg"),
        (b"; filename*=\"utf-8''a%20b.jpg\"", "a b.jpg"),
        (b"; filename*=iso-8859-1''na%EFve.jpg", "naïve.jpg"),
        (b"; filename=\"_.jpg\"; filename*=utf-8''na%C3%AFve.jpg", "naïve.jpg"),
        (b"; filename*=utf-8''na%C3%AFve.jpg; filename=_.jpg", "naïve.jpg"),
        (b"; filename=a.jpg; filename*=utf-8''%FF.jpg", "a.jpg"),
        (b"; filename=a.jpg; filename*=klingon''b.jpg", "a.jpg"),
        (b"; filename=a.jpg; filename*=b.jpg", "a.jpg"),
        (b'; filename="=?utf-8?B?bmHDr3ZlLmpwZw==?="', "naïve.jpg"),
        (b"; filename==?utf-8?B?bmHDr3ZlLmpwZw==?=", "naïve.jpg"),
        (b'; filename="=?UTF-8?Q?na=C3=AFve_1.jpg?="', "naïve 1.jpg"),
        (b'; filename="=?iso-8859-1?Q?na=EFve.jpg?="', "naïve.jpg"),
        (b'; filename="=?utf-8?B?bmHD?= =?utf-8?B?r3ZlLmpwZw==?="', "naïve.jpg"),
        (b'; filename="=?klingon?B?YQ==?="', "=?klingon?B?YQ==?="),
        (b'; filename="=?utf-8?B?/w==?="', "=?utf-8?B?/w==?="),
        (b'; filename="why =?.jpg"', "why =?.jpg"),
        (b'; filename="a.jpg', '"a.jpg'),
    ],
)
def test_a_files_name_is_read_as_its_sender_meant_it(parameters: bytes, name: str | None) -> None:
    assert named(parameters) == name


@pytest.mark.parametrize("disposition", [b"", b"form-data", b"form-data; filename=a.jpg", b"form-data; name*=utf-8''a"])
def test_a_field_without_a_name_has_none(disposition: bytes) -> None:
    assert names_of(disposition)[0] is None


@given(name=some.text(some.characters(exclude_categories=["Cs"])))
def test_every_name_that_a_browser_escapes_comes_back(name: str) -> None:
    if not any(escape in name.upper() for escape in ("%22", "%0A", "%0D", "=?")) and "\\" not in name:
        escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

        assert named(f'; filename="{escaped}"'.encode()) == name


@given(disposition=some.binary(max_size=200))
def test_whatever_is_written_there_are_names_or_none(disposition: bytes) -> None:
    for name in names_of(disposition):
        assert name is None or name.encode()


@pytest.mark.parametrize(
    "piece", [b';a="', b';a="\\', b";filename=", b"=?utf-8?B?", b'\\"', b";", b"%22", b"\\a", b"' ", b"; ;="]
)
def test_a_long_header_is_read_in_no_time(piece: bytes) -> None:
    header = b'form-data; name="file"; filename="' + piece * (16_000 // len(piece))

    within_cpu(0.2, lambda: names_of(header))
