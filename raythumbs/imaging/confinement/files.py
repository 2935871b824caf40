"""Refuses a process every file but those of Python and of libraries (landlock(7), Linux 5.13 or newer).

Newer versions of Landlock also refuse TCP, and signals and abstract sockets of other processes.

Source: linux/landlock.h. The numbers of Landlock's system calls are the same on every machine.
"""

import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

from raythumbs.imaging.confinement import kernel

CREATE_RULESET = 444
_ADD_RULE, _RESTRICT_SELF = 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_RIGHTS = (0, 13, 14, 15, 15, 16)  # the number of rights to files in each version; they are the lowest bits
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_TCP, _TCP_SINCE = 0b11, 4  # to bind, to connect
_OTHERS, _OTHERS_SINCE = 0b11, 6  # their abstract sockets, their signals
_PACKAGE = Path(__file__).parents[2]
_LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")


def fence_files(create_ruleset: int = CREATE_RULESET) -> str:
    """Let this process read the files of Python and of libraries, and open no others. Return Landlock's version."""
    version = kernel.syscall(create_ruleset, None, 0, _VERSION)
    rights = _handled(version)
    ruleset = kernel.syscall(create_ruleset, rights, len(rights), 0)
    try:
        for path in map(Path, {*_LIBRARIES, sys.prefix, sys.base_prefix, *sys.path, str(_PACKAGE)}):
            _let_read(ruleset, path)
        kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return f"version {version}"


def _handled(version: int) -> bytes:
    """Return what is refused unless a rule allows it, as this version's struct landlock_ruleset_attr."""
    every_right = (1 << _RIGHTS[min(version, len(_RIGHTS) - 1)]) - 1
    fields = [every_right]
    if version >= _TCP_SINCE:
        fields.append(_TCP)
    if version >= _OTHERS_SINCE:
        fields.append(_OTHERS)
    return struct.pack(f"={len(fields)}Q", *fields)


def _let_read(ruleset: int, path: Path) -> None:
    with suppress(OSError):  # a file that cannot be opened now is not needed later
        opened = os.open(path, os.O_PATH)
        try:
            rights = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
            kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
        finally:
            os.close(opened)
