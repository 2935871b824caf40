"""Only the TIFFs that Pillow does not read rightly cost the time and the memory of numpy."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.imaging.matrix.tiff_file import Tiff

RENDERED = """
import sys
from raythumbs.imaging import Limits, RenditionSpec, render
render(open(sys.argv[1], "rb"), [RenditionSpec()], Limits())
print("numpy" in sys.modules)
"""


@pytest.mark.parametrize(
    ("bits", "separate", "imported"), [(8, False, "False"), (8, True, "True"), (12, False, "True")]
)
def test_numpy_is_imported_when_it_is_needed(bits: int, *, separate: bool, imported: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo.tif"
    photo.write_bytes(Tiff(photometric=2, bits=bits, separate=separate).of(np.zeros((8, 8, 3), np.uint16).astype("u1")))

    ended = subprocess.run([sys.executable, "-c", RENDERED, photo], capture_output=True, check=True, text=True)

    assert ended.stdout.strip() == imported
