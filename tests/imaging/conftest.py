"""Tests of colour, orientation and refusal run twice: with our own decoders, and by Pillow and pillow-heif alone.

A test whose name or parameters tell only of formats without a decoder of ours runs once. `RAYTHUMBS_NATIVE=false pytest
tests/imaging` runs all tests of imaging by Pillow alone.
"""

import os

import pytest

ROOM = "tests.imaging."
BOTH_WAYS = {
    "test_colour",
    "test_colour_intents",
    "test_colourspace",
    "test_colourspace_headers",
    "test_decode",
    "test_exif",
    "test_gain_maps",
    "heif.test_matrix",
    "heif.test_missing_data",
    "jpeg.test_heads",
    "jpeg.test_missing_rows",
    "matrix.test_jpeg",
    "matrix.test_png",
    "mend.test_jpeg",
    "mend.test_png",
    "png.test_data",
}
OURS = "jpeg", "png", "heic", "heif"
OTHERS = "avif", "webp", "gif", "tiff", "bmp"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.removeprefix(ROOM) in BOTH_WAYS:
        metafunc.parametrize("decoders", ["native", "pillow"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if not is_a_twin(item)]


def is_a_twin(item: pytest.Item) -> bool:
    """Whether the test does the same as another, which runs with our own decoders: its format has none."""
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return False
    told = item.name.lower()
    by_pillow = item.callspec.params.get("decoders") == "pillow"
    return by_pillow and any(name in told for name in OTHERS) and not any(name in told for name in OURS)


@pytest.fixture(autouse=True)
def decoders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which decoders the test runs with."""
    by_pillow = getattr(request, "param", "") == "pillow" or os.environ.get("RAYTHUMBS_NATIVE") == "false"
    if by_pillow:
        for room in ("jpeg.native", "png.native", "png.target"):
            monkeypatch.setattr(f"raythumbs.imaging.{room}.loaded", lambda: None)
        monkeypatch.setattr("raythumbs.imaging.heif.decode.library", lambda: None)
    return "pillow" if by_pillow else "native"
