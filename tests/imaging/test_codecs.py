"""The versions of the libraries that decode, and those that have a known fault."""

import tomllib
from pathlib import Path

import pytest

from raythumbs.imaging.codecs import KNOWN_FAULTS, Codec, as_numbers, codecs, faults_of, tell_known_faults


def test_every_library_that_decodes_is_named_with_its_version() -> None:
    named = {codec.name: codec.version for codec in codecs()}

    assert {"Pillow", "libjpeg-turbo", "libwebp", "libtiff", "libavif", "dav1d", "libheif", "libde265"} <= named.keys()
    assert all(as_numbers(version) for version in named.values())


def test_no_library_that_is_installed_has_a_known_fault() -> None:
    assert {codec.name: faults_of(codec) for codec in codecs() if faults_of(codec)} == {}


@pytest.mark.parametrize("fault", KNOWN_FAULTS, ids=lambda fault: fault.library)
def test_a_version_below_the_one_that_mends_a_fault_has_it(fault) -> None:
    mended = as_numbers(fault.fixed_in)
    before = ".".join(map(str, (*mended[:-1], mended[-1] - 1, 99)))

    assert fault in faults_of(Codec(fault.library, before, "pillow"))
    assert fault not in faults_of(Codec(fault.library, fault.fixed_in, "pillow"))
    assert fault not in faults_of(Codec("another", before, "pillow"))


def test_known_faults_are_told_in_the_log_and_sound_libraries_are_not(caplog) -> None:
    caplog.set_level("WARNING", "raythumbs")

    tell_known_faults([Codec("libwebp", "1.3.1", "pillow"), Codec("libtiff", "4.7.2", "pillow")])

    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("decoder.known_fault ")
    assert '"fault": "CVE-2023-4863"' in line
    assert '"fixed_in": "1.3.2"' in line


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("1.5.3-0-gb546257", (1, 5, 3)), ("2.19", (2, 19)), ("13.0.0", (13,)), ("4.7.0rc1", (4, 7)), ("unknown", ())],
)
def test_a_version_is_the_numbers_that_it_begins_with(version, numbers) -> None:
    assert as_numbers(version) == numbers


def test_the_project_asks_for_no_version_with_a_known_fault() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    floors = {"Pillow": "pillow>=", "pillow-heif": "pillow-heif>="}

    for fault in (one for one in KNOWN_FAULTS if one.library in floors):
        (asked,) = [one for one in project["dependencies"] if one.startswith(floors[fault.library])]
        assert as_numbers(asked.removeprefix(floors[fault.library])) >= as_numbers(fault.fixed_in)
