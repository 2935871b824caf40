"""What tests need beside Python, git and a few minutes.

Tests whose needs are not met are left out, and the last line says so. So are three of four cases of a test with many
cases where there is no time: always the same ones, chosen as if by chance, so that each parameter keeps its values."""

import math
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zlib import crc32

import pytest

from raythumbs.imaging.heif.libde265 import library
from raythumbs.imaging.native.compiler import library_for

HEADERS = {  # the kernel's tables of system calls
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
FEW_CASES = 4
LEFT_OUT = pytest.StashKey[dict[str, int]]()


@dataclass(frozen=True, slots=True)
class Need:
    """Whether it is here, and what brings it in."""

    is_here: Callable[[], bool]
    brought_by: str


def _has(*programs: str) -> Callable[[], bool]:
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return lambda: all(shutil.which(program, path=path) for program in programs)


def _has_packages() -> bool:
    modules = (
        "check_jsonschema",
        "ipykernel",
        "kubernetes_validate",
        "matplotlib",
        "nbclient",
        "schemathesis",
        "ssimulacra2",
    )
    return all(map(find_spec, modules)) and Path(sys.executable).with_name("hadolint").exists()


def _has_browser() -> bool:
    return _has("chromium")() and find_spec("playwright") is not None


def _is_root() -> bool:
    return os.geteuid() == 0


NEEDS = {
    "nginx": Need(
        lambda: _has("nginx")() and Path("/usr/lib/nginx/modules/ngx_http_lua_module.so").exists(),
        "apt-get install nginx-extras",
    ),
    "node": Need(_has("node"), "apt-get install nodejs"),
    "pgbouncer": Need(_has("pgbouncer"), "apt-get install pgbouncer"),
    "machines": Need(
        lambda: _is_root() and _has("ip", "unshare", "ssh", "ssh-keygen", "rsync", "sshd")(),
        "run as root, and apt-get install iproute2 openssh-client openssh-server rsync",
    ),
    "chromium": Need(_has_browser, "apt-get install chromium, and pip install -e '.[test,ci]'"),
    "promtool": Need(_has("promtool"), "apt-get install prometheus"),
    "systemd": Need(_has("systemd-analyze"), "apt-get install systemd"),
    "native": Need(
        lambda: library_for(platform.machine()).exists() and os.environ.get("RAYTHUMBS_NATIVE") != "false",
        "a C compiler or ziglang, then again pip install -e '.[test]'",
    ),
    "libde265": Need(
        lambda: library() is not None and os.environ.get("RAYTHUMBS_NATIVE") != "false",
        "install pillow-heif's own wheel, which brings libde265",
    ),
    "headers": Need(lambda: all(path.exists() for path in HEADERS.values()), "apt-get install linux-libc-dev"),
    "sanitizers": Need(_has("gcc"), "apt-get install gcc libc6-dev"),
    "packages": Need(_has_packages, "pip install -e '.[test,ci]'"),
    "root": Need(_is_root, "run as root"),
    "time": Need(lambda: os.environ.get("LONG_TESTS") == "1", "export LONG_TESTS=1; they take a quarter of an hour"),
}


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the items whose needs are not met, and note how many each need has left out."""
    here = {name: need.is_here() for name, need in NEEDS.items()}
    for case in _cases_that_need_time(items):
        case.add_marker(pytest.mark.needs("time"))
    left_out: dict[str, int] = {}
    kept, dropped = [], []
    for item in items:
        missing = {name for mark in item.iter_markers("needs") for name in mark.args if not here[name]}
        for name in missing:
            left_out[name] = left_out.get(name, 0) + 1
        (dropped if missing else kept).append(item)
    items[:] = kept
    config.stash[LEFT_OUT] = left_out
    for_the_reporter: dict[str, object] | None = getattr(config, "workeroutput", None)  # in a process of xdist
    if for_the_reporter is not None:
        for_the_reporter["left_out"] = left_out
    if dropped:
        config.hook.pytest_deselected(items=dropped)


def _cases_that_need_time(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield three of four cases of each test, but for the first four."""
    tests: dict[str, list[pytest.Item]] = {}
    for case in items:
        tests.setdefault(case.nodeid.partition("[")[0], []).append(case)
    for cases in tests.values():
        cases.sort(key=lambda case: crc32(case.nodeid.encode()))
        yield from cases[max(FEW_CASES, math.ceil(len(cases) / 4)) :]


def left_out_line(left_out: dict[str, int]) -> str:
    """Return the line that tells what was left out, and what brings it in."""
    parts = (f"{count} need {name} ({NEEDS[name].brought_by})" for name, count in sorted(left_out.items()))
    return "left out: " + "; ".join(parts)
