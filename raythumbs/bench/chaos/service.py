"""The service as a supervisor keeps it: started again whenever it ends."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from raythumbs.bench.local_service import serve_command
from raythumbs.bench.servers import die_with_parent

_AGAIN_SECONDS = 1.0


class KeptService:
    """`raythumbs serve` on a port. Every process that was ever seen of it is remembered in `seen`."""

    def __init__(self, data_dir: Path, port: int, environment: Mapping[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.starts = 0
        self.seen: set[psutil.Process] = set()
        self._command = serve_command(port, data_dir)
        self._log = data_dir.parent / "serve.log"
        self._environment = {**os.environ, **environment}
        self._ending = threading.Event()
        self._process = self._start()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep it running; at the end stop it in order."""
        keeping = threading.Thread(target=self._keep, name="supervisor", daemon=True)
        keeping.start()
        try:
            yield
        finally:
            self._ending.set()
            self._process.send_signal(signal.SIGTERM)
            keeping.join()

    @property
    def status(self) -> int | None:
        """How it ended, if it has."""
        return self._process.returncode

    def family(self) -> list[psutil.Process]:
        """Return the process and all that it started, the youngest last."""
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self._process.pid)
            family = [main, *main.children(recursive=True)]
            self.seen.update(family)
            return family
        return []

    def survivors(self) -> list[psutil.Process]:
        """Return which of its processes run after its end."""
        _, alive = psutil.wait_procs(self.seen, timeout=10)
        return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def said(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text(errors="replace")[-4000:]

    def _start(self) -> "subprocess.Popen[bytes]":
        self.starts += 1
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 our own program, by our own interpreter
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 it only asks for a signal
            )

    def _keep(self) -> None:
        while True:
            self._process.wait()
            if self._ending.is_set():
                return
            time.sleep(_AGAIN_SECONDS)
            self._process = self._start()
