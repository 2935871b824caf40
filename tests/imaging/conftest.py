"""`RAYTHUMBS_NATIVE=false pytest tests/imaging` runs these tests without the decoders in C."""

import os

import pytest

WITHOUT = os.environ.get("RAYTHUMBS_NATIVE") == "false"


@pytest.fixture(autouse=True)
def without_native(monkeypatch: pytest.MonkeyPatch) -> None:
    if WITHOUT:
        for room in ("jpeg.native", "png.native", "png.target"):
            monkeypatch.setattr(f"raythumbs.imaging.{room}.loaded", lambda: None)
