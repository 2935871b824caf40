"""Fuzzes the JPEG decoder in C: `python -m tests.imaging.jpeg.native_fuzz.fuzzing SECONDS`."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from raythumbs.imaging.native import compiler
from tests.imaging.jpeg.test_native import SAMPLINGS, a_file, random_jpeg

SANITIZERS = ("-std=c11", "-Og", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wno-psabi")
_ONCE = "-DHAS_TWINS=0"  # compiles in half the time: the code for AVX2 is the same source
_PROGRAM = Path(__file__).with_name("fuzz.c")
_ROUND = 20_000  # inputs


class Fuzzer:
    """The fuzzer, compiled with sanitizers into a folder, and the sound files that it damages."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "fuzz"
        compiler.compile_to(self._program, ["gcc", str(_PROGRAM), f"-I{compiler.FOLDER / 'jpeg'}", _ONCE], SANITIZERS)
        self._files = [folder / f"{number}.jpg" for number, _ in enumerate(_sound_files())]
        for path, file in zip(self._files, _sound_files(), strict=True):
            path.write_bytes(file)

    def run(self, *, inputs: int, seed: int) -> int:
        """Decode so many damaged files; return how many the decoder took. Raises AssertionError for a fault."""
        command = [self._program, str(inputs), str(seed), *self._files]
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
        if ran.returncode:
            raise AssertionError(f"seed {seed}: {ran.stderr[-4000:]}")
        return int(ran.stdout)


def _sound_files() -> list[bytes]:
    photos = [a_file(), a_file(restart_marker_blocks=3), a_file(subsampling=0, quality=97), a_file(optimize=True)]
    photos += [a_file(progressive=True), a_file(progressive=True, subsampling=0, restart_marker_blocks=9)]
    return photos + [random_jpeg(seed, factors).written() for seed, factors in enumerate(SAMPLINGS.values())]


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        fuzzer, end, done = Fuzzer(Path(made)), time.monotonic() + int(sys.argv[1]), 0
        while time.monotonic() < end:
            fuzzer.run(inputs=_ROUND, seed=time.time_ns())
            done += _ROUND
        sys.stdout.write(f"{done} inputs, no fault\n")
