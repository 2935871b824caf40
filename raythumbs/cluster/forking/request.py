"""Started by Ray's raylet in place of a worker: asks the fork server for it. Only the standard library is imported."""

import json
import os
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

LENGTH_BYTES = 8  # of the number that precedes a request
GRANTED = b"+"
_OOM_SCORE = Path("/proc/self/oom_score_adj")
_LANGUAGE = "--language="  # an argument for Ray's setup_worker.py alone


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """What a worker has from the raylet: its command, environment, folder, and standing with the OOM killer."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    oom_score: str

    @classmethod
    def of_this_process(cls) -> Self:
        """Describe what this process was started with."""
        arguments = [one for one in sys.argv[1:] if not one.startswith(_LANGUAGE)]
        return cls(arguments, dict(os.environ), str(Path.cwd()), _OOM_SCORE.read_text())

    @classmethod
    def decoded(cls, sent: bytes) -> Self:
        """Return what `encoded` wrote."""
        return cls(**json.loads(sent))

    def encoded(self) -> bytes:
        """Return the bytes to send, after their number."""
        return json.dumps(asdict(self)).encode()

    def take_over(self) -> None:
        """Make this process what the request describes."""
        sys.argv = self.arguments
        sys.path.insert(0, str(Path(self.arguments[0]).parent))  # as Python does for a script
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        with suppress(PermissionError):
            _OOM_SCORE.write_text(self.oom_score)


def socket_of(session_folder: Path, node_id: str) -> Path:
    """Return where a node's fork server listens. The name is no longer than Ray's own, whose length is limited."""
    return session_folder / "sockets" / node_id[:12]


def main() -> None:
    """Ask for a worker with the arguments, environment and files of this process; else become it."""
    options = dict(one.removeprefix("--").split("=", 1) for one in sys.argv[2:] if "=" in one)
    place = socket_of(Path(options["raylet-name"]).parent.parent, options["node-id"])
    if not _granted(place, WorkerRequest.of_this_process()):
        rays_own = Path(sys.argv[1]).with_name("setup_worker.py")
        os.execv(sys.executable, [sys.executable, str(rays_own), *sys.argv[1:]])  # noqa: S606 no shell is wanted


def _granted(place: Path, request: WorkerRequest) -> bool:
    sent = request.encoded()
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(place))
            socket.send_fds(connection, [len(sent).to_bytes(LENGTH_BYTES)], [0, 1, 2])
            connection.sendall(sent)
            return connection.recv(len(GRANTED)) == GRANTED
    except OSError:
        return False


if __name__ == "__main__":
    main()
