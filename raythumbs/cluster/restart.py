"""Restart: when the local Ray is lost, the program starts again in the same process."""

import fcntl
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import psutil

from raythumbs.cluster.folder import end_all_in

_STARTS = 3  # failed starts in a row, after which no more are tried
_LEFT = "_RAYTHUMBS_STARTS_LEFT"
_STDERR = 2


class Restart:
    """Create it before the environment of Ray is set, because a restart needs the environment of the first start."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)  # with the credentials, which Ray's processes are not given
        self._starts_left = int(os.environ.get(_LEFT, _STARTS)) - 1
        self._ending = False
        self.folder: Path | None = None

    def came_up(self) -> None:
        """Note that the service is up: from now on a loss is not the start's fault."""
        self._starts_left = _STARTS

    def forgo(self) -> None:
        """Note that the service was asked to end: a Ray that is lost now is lost for good."""
        self._starts_left = 0

    def end_at_once(self) -> NoReturn:
        """End this process and all that it started, in any state and from any thread, without a restart."""
        self._ending = True
        if self.folder:
            end_all_in(self.folder)
        os._exit(0)

    def begin(self, lost: str) -> NoReturn:
        """Clear away the Ray whose process `lost` ended, and execute this program again, from any thread."""
        while self._ending:  # it is us who end Ray, and this process
            time.sleep(1)
        what = "the service restarts" if self._starts_left else "and with it the service"
        sys.stdout.flush()
        print(f"raythumbs: Ray's {lost} ended, {what}", file=sys.stderr, flush=True)
        if self.folder:
            end_all_in(self.folder)
        if not self._starts_left:
            os._exit(1)
        _end_children()
        for descriptor in Path("/proc/self/fd").iterdir():
            _close_when_executing(int(descriptor.name))
        environment = self.environment | {_LEFT: str(self._starts_left)}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 ourselves


def _end_children() -> None:
    """End every child and take note of its end: the next program would not know of them."""
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            child.kill()
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _close_when_executing(descriptor: int) -> None:
    if descriptor > _STDERR:
        with suppress(OSError):  # closed meanwhile
            fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
