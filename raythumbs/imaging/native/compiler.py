"""Compiles the decoders: with this machine's C compiler, or with the one in the package `ziglang`.

It uses the standard library alone, because it runs while raythumbs is being installed.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent
CHOICE = "NATIVE_COMPILER"  # the environment variable: a compiler's command, `zig`, or `none`
ZIG, NONE = "zig", "none"
_USUAL = ("cc", "gcc", "clang")
MACHINES = ("x86_64", "aarch64")  # both are little-endian, as the sources need
_ZIGS_C_LIBRARY = "gnu.2.17"  # the oldest that Python's own packages support
# Floats are never contracted: the pixels are the same on every machine.
FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off", "-Wno-psabi", "-s")


@dataclass(frozen=True, slots=True)
class Compiler:
    """A command, and the kinds of machine that it compiles for, each with its options."""

    command: tuple[str, ...]
    machines: tuple[tuple[str, tuple[str, ...]], ...]


def chosen() -> Compiler | None:
    """Return the compiler to use: that of the environment variable, of this machine, or ziglang. None for none."""
    choice = os.environ.get(CHOICE, "")
    if choice == NONE:
        return None
    if choice != ZIG and (command := _found(choice)):
        return Compiler(command, ((platform.machine(), ()),))
    if not find_spec("ziglang"):
        return None
    targets = tuple((machine, ("-target", f"{machine}-linux-{_ZIGS_C_LIBRARY}")) for machine in MACHINES)
    return Compiler((sys.executable, "-m", "ziglang", "cc"), targets)


def needs_zig() -> bool:
    """Return whether only ziglang can compile here."""
    choice = os.environ.get(CHOICE, "")
    return choice == ZIG or (not choice and not _found(""))


def build(compiler: Compiler, machines: Collection[str] = MACHINES) -> list[Path]:
    """Compile the libraries for these kinds of machine, as far as the compiler can; give their files.

    Raises CalledProcessError or OSError if that fails.
    """
    commands = {
        library_for(machine): [*compiler.command, *options]
        for machine, options in compiler.machines
        if machine in machines
    }
    with ThreadPoolExecutor() as pool:  # ziglang takes seconds for each
        list(pool.map(compile_to, commands, commands.values()))
    return list(commands)


def library_for(machine: str) -> Path:
    """Return where the library for a kind of machine is, or would be."""
    return FOLDER / f"decoders-{machine}.so"


def compile_to(made: Path, command: Sequence[str], flags: Sequence[str] = FLAGS) -> None:
    """Compile the sources to a library. It replaces an older file at once, which a process may be using."""
    unfinished = made.with_suffix(f".{os.getpid()}.tmp")
    told = f'-DSOURCES="{sources_hash()}"'
    try:
        subprocess.run(  # noqa: S603 the compiler of whoever installs raythumbs
            [*command, *flags, told, *map(str, sorted(FOLDER.rglob("*.c"))), "-o", str(unfinished)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        unfinished.replace(made)
    finally:
        unfinished.unlink(missing_ok=True)


def sources_hash() -> str:
    """Return what tells these sources from others. The library has it, too."""
    sources = sorted([*FOLDER.rglob("*.c"), *FOLDER.rglob("*.h")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _found(choice: str) -> tuple[str, ...] | None:
    """Return the command of a C compiler that is there: the given one, that of $CC, or one of the usual ones.

    Elsewhere than on Linux there is none: those that are there compile for machines that raythumbs does not run on.
    """
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        return None
    commands = [choice] if choice else [os.environ.get("CC", ""), *_USUAL]
    parts = (tuple(shlex.split(command)) for command in commands)
    return next((one for one in parts if one and shutil.which(one[0])), None)
