"""thumbor: an HTTP server that fetches a photo and answers with its thumbnail, which is then stored for it.

Left as it is but for what the contest asks (quality, upright pictures) and for keeping nothing on disk.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from socket import socket

import contest as peers

_SERVERS_A_CORE = 2  # one fetches while the other renders, which a server does not do at the same time
_ASKED_A_SERVER = 2
_START_SECONDS = 60
_CONFIGURATION = """
ALLOW_UNSAFE_URL = True
QUALITY = {quality}
RESPECT_ORIENTATION = True
STORAGE = 'thumbor.storages.no_storage'
HTTP_LOADER_MAX_BODY_SIZE = 0
"""


@contextmanager
def _servers(quality: int, count: int) -> Iterator[list[str]]:
    """Run so many servers; give their addresses."""
    ports = [_free_port() for _ in range(count)]
    with tempfile.TemporaryDirectory(prefix="rt-peer-") as folder:
        configuration = Path(folder) / "thumbor.conf"
        configuration.write_text(_CONFIGURATION.format(quality=quality))
        command = [
            str(Path(sys.executable).with_name("thumbor")),
            "-i",
            "127.0.0.1",
            "-l",
            "error",
            "-c",
            configuration,
        ]
        running = [subprocess.Popen([*command, "-p", str(port)]) for port in ports]  # noqa: S603 thumbor's own program
        try:
            for port in ports:
                _await(port)
            yield [f"127.0.0.1:{port}" for port in ports]
        finally:
            for one in running:
                one.terminate()
            for one in running:
                one.wait()


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("thumbor does not start")


def main() -> None:
    """Take part."""
    asked = peers.read()
    photos = f"{asked.endpoint}/{asked.bucket}"
    made = peers.Bucket(asked.endpoint, asked.made_bucket)

    def ask(server: str, keys: Iterable[str]) -> list[float]:
        """Ask a server for one photo after the other."""
        connection = HTTPConnection(server, timeout=60)
        stored = []
        for key in keys:
            connection.request("GET", f"/unsafe/fit-in/{asked.pixels}x{asked.pixels}/{photos}/{key}")
            answer = connection.getresponse()
            thumbnail = answer.read()
            if answer.status != HTTPStatus.OK:
                raise OSError(f"thumbor answers {answer.status} for {key}")
            made.put(key, thumbnail)
            stored.append(time.monotonic())
        return stored

    count = asked.workers * _SERVERS_A_CORE
    with _servers(asked.quality, count) as servers, ThreadPoolExecutor(count * _ASKED_A_SERVER) as threads:

        def take_all(keys: Sequence[str]) -> Iterable[float]:
            left = iter(keys)  # each takes the next: a list's iterator is safe among threads
            several = [threads.submit(ask, server, left) for server in servers * _ASKED_A_SERVER]
            return [stored for one in several for stored in one.result()]

        peers.take_part(version("thumbor"), asked, take_all)


if __name__ == "__main__":
    main()
