"""What is installed on a node is the wheel, and not this checkout."""

import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from raythumbs.imaging.native.compiler import CHOICE, library_for
from raythumbs.manual import USE

ROOT = Path(__file__).parents[1]


@pytest.fixture
def compiled_already(tmp_path, monkeypatch):
    """Let the build take the library that the installation has compiled: to compile is most of its work."""
    compiler, here = tmp_path / "compiler", library_for(platform.machine())
    compiler.write_text(f'#!/bin/sh\nfor made; do :; done\nexec cp "{here}" "$made"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv(CHOICE, str(compiler))


@pytest.mark.needs("time", "native")
def test_the_wheel_has_every_file_of_the_package(tmp_path, compiled_already):
    build = f"from hatchling.build import build_wheel; build_wheel({str(tmp_path)!r})"  # as pip has it built
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True)
    [wheel] = tmp_path.glob("raythumbs-*.whl")

    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    packed = {name for name in names if name.startswith("raythumbs/")}

    there = (path for path in (ROOT / "raythumbs").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert packed == {str(path.relative_to(ROOT)) for path in there}
    assert {"raythumbs/bench/scale/prices.toml", "raythumbs/db/migrations/env.py", "raythumbs/LICENSE"} <= packed
    assert {f"raythumbs/manual/{page.file.name}" for page in USE} <= packed
    assert any(name.endswith(".dist-info/licenses/raythumbs/LICENSE") for name in names)
