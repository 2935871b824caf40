"""`RAYTHUMBS_NATIVE=false pytest tests/imaging` runs these tests without the JPEG decoder in C."""

import os

import pytest


@pytest.fixture(autouse=True)
def without_native(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.environ.get("RAYTHUMBS_NATIVE") == "false":
        monkeypatch.setattr("raythumbs.imaging.jpeg.decode.decoded", lambda *_: None)
