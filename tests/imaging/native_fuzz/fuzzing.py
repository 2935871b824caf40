"""Fuzzes a decoder in C: `python -m tests.imaging.native_fuzz.fuzzing jpeg SECONDS`, or with `png`."""

import struct
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from raythumbs.imaging.native import compiler
from tests.imaging.jpeg.test_native import SAMPLINGS, a_file, random_jpeg
from tests.imaging.matrix.test_png import CHANNELS, KINDS
from tests.imaging.png.rows import filtered_rows

SANITIZERS = (
    "-std=c11", "-Og", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wno-psabi",
    "-fno-var-tracking",  # compiles in two thirds of the time; a report still has its lines
)  # fmt: skip
_DEFINED = (
    "-DHAS_TWINS=0",  # compiles in half the time: the code for AVX2 is the same source
    "-DWINDOW=19",  # bytes of a JPEG that are read at a time: small files then have many edges between two windows
)
_HERE = Path(__file__).parent
_ROUND = 20_000  # inputs


class Fuzzer:
    """The fuzzer, compiled with sanitizers into a folder, and the sound files of each format that it damages."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "fuzz"
        sources = map(str, sorted(_HERE.glob("*.c")))
        compiler.compile_to(self._program, ["gcc", *sources, f"-I{compiler.FOLDER}", *_DEFINED], SANITIZERS)
        self._files: dict[str, list[Path]] = {}
        for kind, files in SOUND_FILES.items():
            self._files[kind] = [folder / f"{kind}-{number}" for number, _ in enumerate(files())]
            for path, file in zip(self._files[kind], files(), strict=True):
                path.write_bytes(file)

    def run(self, kind: str, *, inputs: int, seed: int) -> int:
        """Decode so many damaged files; return how many the decoder took. Raises AssertionError for a fault."""
        command = [self._program, kind, str(inputs), str(seed), *self._files[kind]]
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
        if ran.returncode:
            raise AssertionError(f"seed {seed}: {ran.stderr[-4000:]}")
        return int(ran.stdout)


def _jpegs() -> list[bytes]:
    photos = [a_file(), a_file(restart_marker_blocks=3), a_file(subsampling=0, quality=97), a_file(optimize=True)]
    photos += [a_file(progressive=True), a_file(progressive=True, subsampling=0, restart_marker_blocks=9)]
    return photos + [random_jpeg(seed, factors).written() for seed, factors in enumerate(SAMPLINGS.values())]


def _pngs() -> list[bytes]:
    """Return the heads and the rows of PNGs, as png.c reads them: a width and a height, bits, a colour type."""
    chance = np.random.default_rng(1)
    return [
        struct.pack("<HHBB", width, height, bits, kind) + filtered_rows(chance, width * CHANNELS[kind] * bits, height)
        for kind, bits in KINDS
        for width, height in ((37, 29), (5, 90))
    ]


SOUND_FILES = {"jpeg": _jpegs, "png": _pngs}

if __name__ == "__main__":
    with TemporaryDirectory() as made:
        fuzzer, end, done = Fuzzer(Path(made)), time.monotonic() + int(sys.argv[2]), 0
        while time.monotonic() < end:
            fuzzer.run(sys.argv[1], inputs=_ROUND, seed=time.time_ns())
            done += _ROUND
        sys.stdout.write(f"{done} inputs, no fault\n")
