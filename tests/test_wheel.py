"""What is installed on a node is the wheel, and not this checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from raythumbs.manual import USE

ROOT = Path(__file__).parents[1]


@pytest.mark.needs("time")
def test_the_wheel_has_every_file_of_the_package(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True)
    [wheel] = tmp_path.glob("raythumbs-*.whl")

    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    packed = {name for name in names if name.startswith("raythumbs/")}

    there = (path for path in (ROOT / "raythumbs").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert packed == {str(path.relative_to(ROOT)) for path in there}
    assert {"raythumbs/bench/scale/prices.toml", "raythumbs/db/migrations/env.py", "raythumbs/LICENSE"} <= packed
    assert {f"raythumbs/manual/{page.file.name}" for page in USE} <= packed
    assert any(name.endswith(".dist-info/licenses/raythumbs/LICENSE") for name in names)
