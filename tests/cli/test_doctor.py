"""`raythumbs doctor`: what it prints, and the exit status that scripts can trust."""

import json

import pytest
from typer.testing import CliRunner

from raythumbs.cli import app
from raythumbs.settings.floors import FLOORS


@pytest.fixture(autouse=True)
def nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests' Rays on this machine ask for no token, which doctor would report."""
    monkeypatch.setattr("raythumbs.cluster.doctor.open_ports", list)


def test_on_a_sound_machine_the_status_is_0_and_everything_is_told():
    told = CliRunner().invoke(app, ["doctor"])

    assert told.exit_code == 0
    for word in ("seccomp", "landlock", "no_new_privs", "address space", "libwebp", "libheif", "ports"):
        assert word in told.output


def test_as_json_the_same_is_one_object():
    told = CliRunner().invoke(app, ["doctor", "--json"])

    found = json.loads(told.stdout)
    decoders = {"jpegDecoder", "heicDecoder"}
    assert found.keys() == {"fences", "limits", "formats", "codecs", "faults", "ports", "problems"} | decoders
    assert found["problems"] == found["faults"] == []
    assert {name: found["fences"][-1][name] for name in ("name", "given")} == {"name": "seccomp", "given": True}


def test_with_a_problem_the_status_is_1_and_the_problem_is_told(monkeypatch):
    monkeypatch.setitem(FLOORS, "pillow", (99, 0))

    for_people, for_programs = (CliRunner().invoke(app, ["doctor", *how]) for how in ([], ["--json"]))

    assert (for_people.exit_code, for_programs.exit_code) == (1, 1)
    assert "problem: pillow " in for_people.output
    assert "must be 99.0 or newer" in json.loads(for_programs.stdout)["problems"][0]


@pytest.mark.needs("native")
@pytest.mark.parametrize(("native", "decoder"), [("true", "native"), ("false", "pillow")])
def test_which_decoder_reads_jpegs_is_told(native, decoder, monkeypatch):
    monkeypatch.setenv("RAYTHUMBS_NATIVE", native)

    told = CliRunner().invoke(app, ["doctor", "--json"])

    assert json.loads(told.stdout)["jpegDecoder"] == decoder


@pytest.mark.needs("libde265")
@pytest.mark.parametrize(("native", "decoder"), [("true", "libde265"), ("false", "pillow-heif")])
def test_which_decoder_reads_heics_is_told(native, decoder, monkeypatch):
    monkeypatch.setenv("RAYTHUMBS_NATIVE", native)

    told = CliRunner().invoke(app, ["doctor", "--json"])

    assert json.loads(told.stdout)["heicDecoder"] == decoder
