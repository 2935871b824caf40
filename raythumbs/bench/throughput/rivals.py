"""Who takes part: the old ways and ourselves, and rivals where they are installed."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from raythumbs.bench.throughput.contest import Contestant
from raythumbs.bench.throughput.program import Program
from raythumbs.bench.throughput.service import Service
from raythumbs.errors import BadRequest

_IN_TURN = (sys.executable, "-m", "raythumbs.bench.throughput.in_turn")


@dataclass(frozen=True, slots=True)
class Rival:
    """A program that may be missing: the command, what of it must be here, and the line that installs it."""

    name: str
    command: tuple[str, ...]
    is_here: bool
    install: str


def contestants(peers_dir: Path, only: Sequence[str]) -> tuple[list[Contestant], list[str]]:
    """Return everybody who is here (of `only`, if those are named), and how to have the others."""
    here: list[Contestant] = [Program("sequential", (*_IN_TURN, "one")), Program("process pool", (*_IN_TURN, "pool"))]
    missing = {}
    for rival in _rivals(peers_dir):
        if rival.is_here:
            here.append(Program(rival.name, rival.command))
        else:
            missing[rival.name] = f"{rival.name}: {rival.install}"
    here += [Service(), Service("raythumbs, gap 1.25", gap=1.25)]  # as true as sharp
    _refuse_unknown(only, {*missing, *(one.name for one in here)})
    wanted = set(only or {*missing, *(one.name for one in here)})
    return [one for one in here if one.name in wanted], [told for name, told in missing.items() if name in wanted]


def _refuse_unknown(only: Sequence[str], known: set[str]) -> None:
    if unknown := set(only) - known:
        raise BadRequest(f"nobody here is called {', '.join(sorted(unknown))}; there are {'; '.join(sorted(known))}")


def _rivals(peers_dir: Path) -> Iterator[Rival]:
    own = peers_dir / ".venv" / "bin"  # for those that do not go together with what we need
    install_own = f"python3 -m venv {peers_dir}/.venv && {own}/pip install -r {peers_dir}/requirements.txt"
    # sharp works in libuv's threads, which are four: with more cores there shall be more.
    threads = f"UV_THREADPOOL_SIZE={max(4, len(os.sched_getaffinity(0)))}"
    has_sharp = bool(shutil.which("node")) and (peers_dir / "node_modules" / "sharp").is_dir()
    install_sharp = f"npm install --prefix {peers_dir}, with node on the path, in a checkout"
    python = sys.executable

    def script(name: str) -> str:
        return str(peers_dir / name)

    is_checkout = (peers_dir / "contest.py").is_file()
    yield Rival("ray task per photo", (python, script("ray_tasks.py")), is_checkout, "run it in a checkout")
    for name, file, *options in (
        ("sharp, a worker thread per photo", "sharp_threads.mjs"),
        ("sharp, async I/O", "sharp_async.mjs"),
        ("sharp, async I/O, mozjpeg", "sharp_async.mjs", "mozjpeg"),  # files as small as ours
    ):
        yield Rival(name, ("env", threads, "node", script(file), *options), has_sharp, install_sharp)
    for name, file, module in (("libvips", "libvips_pool.py", "pyvips"), ("Ray Data", "ray_data.py", "pyarrow")):
        is_here = is_checkout and importlib.util.find_spec(module) is not None
        yield Rival(name, (python, script(file)), is_here, "pip install '.[bench,peers]', in a checkout")
    for name in ("thumbor", "img2dataset"):
        is_here = is_checkout and (own / name).is_file()
        yield Rival(name, (str(own / "python"), script(f"{name}_peer.py")), is_here, f"{install_own}, in a checkout")
