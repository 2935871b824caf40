"""The contestants of the imaging benchmark: this program, in this process and in its sandbox, and other programs.

A peer is a program that reads jobs from its standard input and answers each with a line of JSON, then with as many
bytes as the line says. It makes thumbnails on one core, without a cache, and reports the CPU time of each.
"""

import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from raythumbs import __version__
from raythumbs.bench.programs import Program, running
from raythumbs.bench.report import BenchFailed
from raythumbs.errors import NotAnImage
from raythumbs.imaging import Limits, render
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.photo import Format, RenditionSpec

PEERS_FOLDER = Path("notebooks/peers")
QUALITY = 85
_LIMITS = Limits(decode_bytes=4 << 30)
_BY_PILLOW = "raythumbs, by Pillow"  # without the decoders in C
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Made:
    """A thumbnail's file, and the milliseconds of CPU that it took."""

    data: bytes
    cpu_ms: float


class Make(Protocol):
    """Makes a thumbnail inside a square of so many pixels, or raises BenchFailed."""

    def __call__(self, photo: bytes, pixels: int, written_as: Format, *, quality: int = QUALITY) -> Made: ...


@dataclass(frozen=True, slots=True)
class Thumbnailer:
    """A contestant."""

    name: str
    version: str
    thumbnail: Make


@contextmanager
def thumbnailers() -> Iterator[tuple[list[Thumbnailer], list[str]]]:
    """Start all contestants that are installed; yield them, and for each of the others how to install it."""
    missing = []
    with ExitStack() as stack:
        here = [
            Thumbnailer("raythumbs", __version__, partial(_rendered, _Way())),
            Thumbnailer("raythumbs, gap 1.25", __version__, partial(_rendered, _Way(gap=1.25))),
            Thumbnailer(_BY_PILLOW, __version__, partial(_rendered, _Way(native=False))),
            Thumbnailer("raythumbs-sandboxed", __version__, stack.enter_context(_sandboxed())),
        ]
        if importlib.util.find_spec("pyvips"):
            here.append(stack.enter_context(_peer("pyvips", sys.executable, "-m", "raythumbs.bench.vips_peer")))
        else:
            missing.append("libvips: pip install '.[bench]', in a checkout")
        node, script = shutil.which("node"), PEERS_FOLDER / "sharp.mjs"
        if node and (PEERS_FOLDER / "node_modules" / "sharp").is_dir():
            for name, option in (("sharp", "plain"), ("sharp-mozjpeg", "mozjpeg")):
                here.append(stack.enter_context(_peer(name, node, str(script), option)))
        else:
            missing.append(f"sharp: npm install --prefix {PEERS_FOLDER}, with node on the path, in a checkout")
        yield here, missing


@dataclass(frozen=True, slots=True)
class _Way:
    """How raythumbs makes a thumbnail: see RenditionSpec for the gap, and Limits for `native`."""

    gap: float = RenditionSpec.gap
    native: bool = True


def _rendered(way: _Way, photo: bytes, pixels: int, written_as: Format, *, quality: int = QUALITY) -> Made:
    spec = RenditionSpec(width=pixels, height=pixels, format=written_as, quality=quality, gap=way.gap)
    limits = replace(_LIMITS, native=way.native)
    began = time.process_time()
    [made] = render(photo, [spec], limits).renditions
    return Made(made.data, (time.process_time() - began) * 1000)


@contextmanager
def _sandboxed() -> Iterator[Make]:
    """Render as the service does: in a child process, and with both processes' CPU time."""
    with ExitStack() as stack:
        sandboxes: dict[RenditionSpec, Sandbox] = {}

        def thumbnail(photo: bytes, pixels: int, written_as: Format, *, quality: int = QUALITY) -> Made:
            spec = RenditionSpec(width=pixels, height=pixels, format=written_as, quality=quality)
            if spec not in sandboxes:
                sandboxes[spec] = sandbox = Sandbox([spec], _LIMITS, photos_per_child=sys.maxsize)
                stack.callback(sandbox.close)
                with suppress(NotAnImage):
                    _made(sandbox, b"")  # starts the child
            return _made(sandboxes[spec], photo)

        yield thumbnail


def _made(sandbox: Sandbox, photo: bytes) -> Made:
    with os.fdopen(os.memfd_create("photo"), "w+b") as file:  # the service fetches photos into files
        file.write(photo)
        file.seek(0)
        child = sandbox.start().process.pid
        ours, childs = time.process_time(), _cpu_seconds(child)
        rendered, reported = sandbox.render(file, seconds=_PATIENCE_SECONDS)
        ours, childs = time.process_time() - ours, _cpu_seconds(child) - childs
    [made] = rendered.renditions
    return Made(made.data, (ours + max(childs, reported)) * 1000)  # AVIF's threads have ended, and are in the report


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a waiting process's threads. This is exact, while the process's clock counts ticks if
    there is a limit on CPU time (Documentation/scheduler/sched-stats of Linux)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


@contextmanager
def _peer(name: str, *command: str) -> Iterator[Thumbnailer]:
    with running(name, command) as program:
        version = str(program.ask(b"", seconds=_PATIENCE_SECONDS)["version"])
        yield Thumbnailer(name, version, partial(_asked, program))


def _asked(program: Program, photo: bytes, pixels: int, written_as: Format, *, quality: int = QUALITY) -> Made:
    job = {"bytes": len(photo), "pixels": pixels, "format": str(written_as), "quality": quality}
    answer = program.ask(json.dumps(job).encode() + b"\n" + photo, seconds=_PATIENCE_SECONDS)
    if "error" in answer:
        raise BenchFailed(f"{program.name}: {answer['error']}")
    return Made(program.answers.read(answer["bytes"]), answer["cpu_ms"])
