"""Who makes thumbnails in the imaging benchmark: ourselves, and others in processes of their own.

A peer is a program that reads jobs from its standard input and answers each: a line of JSON, then so many bytes as the
line tells. It makes thumbnails on one core, without a cache, and tells the CPU time that it took.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from raythumbs.errors import NotAnImage, RaythumbsError
from raythumbs.imaging import Limits, render
from raythumbs.imaging.sandbox import Sandbox
from raythumbs.model.photo import Format, RenditionSpec

PEERS_FOLDER = Path("notebooks/peers")
QUALITY = 85
_LIMITS = Limits(decode_bytes=4 << 30)
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Made:
    """A thumbnail's file, and the milliseconds of CPU that it took."""

    data: bytes
    cpu_ms: float


class Contestant(Protocol):
    """Somebody who makes thumbnails inside a square of `pixels`."""

    name: str
    version: str

    def thumbnail(self, photo: bytes, pixels: int, written_as: Format) -> Made:
        """Make a thumbnail, or raise PeerFailed."""
        ...


class PeerFailed(RaythumbsError):
    """A peer that could not make a thumbnail."""

    code = "peer_failed"


class Raythumbs:
    """This program's own imaging, in this process; see RenditionSpec for the gap."""

    def __init__(self, version: str, name: str = "raythumbs", *, gap: float = RenditionSpec.gap) -> None:
        self.version = version
        self.name = name
        self._gap = gap

    def thumbnail(self, photo: bytes, pixels: int, written_as: Format) -> Made:
        """Make a thumbnail."""
        spec = RenditionSpec(width=pixels, height=pixels, format=written_as, quality=QUALITY, gap=self._gap)
        began = time.process_time()
        [made] = render(photo, [spec], _LIMITS).renditions
        return Made(made.data, (time.process_time() - began) * 1000)


class Sandboxed:
    """The same as the service does it: in a child process, with both processes' CPU time."""

    name = "raythumbs-sandboxed"

    def __init__(self, version: str) -> None:
        self.version = version
        self._sandboxes: dict[tuple[int, Format], Sandbox] = {}

    def thumbnail(self, photo: bytes, pixels: int, written_as: Format) -> Made:
        """Make a thumbnail of a photo that was fetched into a file."""
        sandbox = self._sandbox(pixels, written_as)
        with os.fdopen(os.memfd_create("photo"), "w+b") as file:
            file.write(photo)
            file.seek(0)
            child = sandbox.start().process.pid
            ours, theirs = time.process_time(), _cpu_seconds(child)
            rendered, told = sandbox.render(file, seconds=_PATIENCE_SECONDS)
            ours, theirs = time.process_time() - ours, _cpu_seconds(child) - theirs
        [made] = rendered.renditions
        return Made(made.data, (ours + max(theirs, told)) * 1000)  # threads of AVIF's decoder have ended, and told of

    def close(self) -> None:
        """End the child processes."""
        for sandbox in self._sandboxes.values():
            sandbox.close()

    def _sandbox(self, pixels: int, written_as: Format) -> Sandbox:
        if (pixels, written_as) not in self._sandboxes:
            spec = RenditionSpec(width=pixels, height=pixels, format=written_as, quality=QUALITY)
            self._sandboxes[pixels, written_as] = sandbox = Sandbox([spec], _LIMITS, photos_per_child=sys.maxsize)
            with os.fdopen(os.memfd_create("nothing"), "w+b") as file, suppress(NotAnImage):
                sandbox.render(file, seconds=_PATIENCE_SECONDS)  # then its start is over
        return self._sandboxes[pixels, written_as]


def _cpu_seconds(pid: int) -> float:
    """Return what the threads of a process, which waits now, have had of CPU time: exact, where its clock goes by ticks
    while there is a limit on CPU time (Documentation/scheduler/sched-stats of Linux)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


class Peer:
    """Another program, asked through its standard input and output."""

    def __init__(self, name: str, asked: IO[bytes], told: IO[bytes]) -> None:
        self.name = name
        self._asked = asked
        self._told = told
        self.version = str(self._answer()["version"])

    def thumbnail(self, photo: bytes, pixels: int, written_as: Format) -> Made:
        """Make a thumbnail, or raise PeerFailed."""
        job = {"bytes": len(photo), "pixels": pixels, "format": str(written_as), "quality": QUALITY}
        self._asked.write(json.dumps(job).encode() + b"\n" + photo)
        self._asked.flush()
        answer = self._answer()
        if "error" in answer:
            raise PeerFailed(f"{self.name}: {answer['error']}")
        return Made(self._told.read(int(str(answer["bytes"]))), float(str(answer["cpu_ms"])))

    def _answer(self) -> dict[str, object]:
        line = self._told.readline()
        if not line:
            raise PeerFailed(f"{self.name} ended")
        answer: dict[str, object] = json.loads(line)
        return answer


@contextmanager
def contestants(version: str) -> Iterator[tuple[list[Contestant], list[str]]]:
    """Give everybody who is installed, and what to do to have the others."""
    missing = []
    with ExitStack() as running:
        fast = Raythumbs(version, "raythumbs, gap 1.25", gap=1.25)
        here: list[Contestant] = [Raythumbs(version), fast, running.enter_context(closing(Sandboxed(version)))]
        if importlib.util.find_spec("pyvips"):
            here.append(running.enter_context(_peer("pyvips", [sys.executable, "-m", "raythumbs.bench.vips_peer"])))
        else:
            missing.append("libvips: pip install '.[bench]', in a checkout")
        node, script = shutil.which("node"), PEERS_FOLDER / "sharp.mjs"
        if node and (PEERS_FOLDER / "node_modules" / "sharp").is_dir():
            for name, option in (("sharp", "plain"), ("sharp-mozjpeg", "mozjpeg")):
                here.append(running.enter_context(_peer(name, [node, str(script), option])))
        else:
            missing.append(f"sharp: npm install --prefix {PEERS_FOLDER}, with node on the path, in a checkout")
        yield here, missing


@contextmanager
def _peer(name: str, command: Sequence[str]) -> Iterator[Peer]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 our own
        assert process.stdin  # noqa: S101 asked for above
        assert process.stdout  # noqa: S101 asked for above
        try:
            yield Peer(name, process.stdin, process.stdout)
        finally:
            process.kill()
