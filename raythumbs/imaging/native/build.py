"""The hook by which hatchling compiles the decoders for a wheel, and for an editable installation."""

import importlib.util
import platform
import subprocess
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ZIG = "ziglang>=0.13"  # a C compiler that pip installs, for this build alone
_LIBRARIES = "/raythumbs/imaging/native/*.so"  # ignored by Git, so hatchling is told of them


class NativeDecoders(BuildHookInterface[Any]):
    """Compiles the decoders. Where that fails, raythumbs is installed without it."""

    def dependencies(self) -> list[str]:
        """Return what the build needs beside hatchling."""
        return [_ZIG] if _compiler().needs_zig() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the decoders for this wheel. It has no Python in it, so the wheel stays one for all Pythons.

        A wheel is for every machine; an editable installation is for this one.
        """
        compiler = _compiler()
        made = self._compiled(compiler, [platform.machine()] if version == "editable" else compiler.MACHINES)
        for old in set(compiler.FOLDER.glob("*.so")) - set(made):
            old.unlink()
        if made:
            build_data["artifacts"].append(_LIBRARIES)
            self.app.display_info(f"compiled {', '.join(path.name for path in made)}")

    def _compiled(self, compiler: ModuleType, machines: Collection[str]) -> list[Path]:
        """Return the libraries; none if there is no compiler, or if it fails."""
        found = compiler.chosen()
        if found is None:
            self.app.display_warning("no C compiler: raythumbs decodes with Pillow alone, which is slower")
            return []
        try:
            made: list[Path] = compiler.build(found, machines)
        except (subprocess.CalledProcessError, OSError) as error:
            said = getattr(error, "stderr", "") or error
            self.app.display_warning(f"the decoders in C are left out, because they do not compile: {said}")
            return []
        return made


def _compiler() -> ModuleType:
    """Return compiler.py. hatchling runs this file by its path, so it cannot be imported by its name."""
    path = Path(__file__).with_name("compiler.py")
    spec = importlib.util.spec_from_file_location("raythumbs_compiler", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be read")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
