"""A photo for the stages of a worker."""

from pathlib import Path

import pytest

from raythumbs.bench.pictures import draw_photo


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photo.jpg"
    path.write_bytes(draw_photo(1, size_mb=0.5))
    return path
