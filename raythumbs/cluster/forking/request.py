"""Started by Ray's raylet in place of a worker: asks the fork server for it.

Each worker waits for it. Python starts in 15 ms of CPU; `socket`, `json`, `pathlib` and `dataclasses` took another 40.
"""

# ruff: noqa: PTH109, PTH118, PTH120, PTH123

import _socket
import os
import sys

LENGTH_BYTES = 8  # of the number that precedes a request
GRANTED = b"+"
OOM_SCORE = "/proc/self/oom_score_adj"
_STANDARD_FILES = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
_LANGUAGE = "--language="  # an argument for Ray's setup_worker.py alone
_BETWEEN = b"\0"  # no argument and no variable has it


class WorkerRequest:
    """What a worker has from the raylet: its command, environment, folder, and standing with the OOM killer."""

    def __init__(self, arguments: list[str], environment: dict[bytes, bytes], folder: str, oom_score: str) -> None:
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.oom_score = oom_score

    @classmethod
    def of_this_process(cls) -> "WorkerRequest":
        """Describe what this process was started with."""
        arguments = [one for one in sys.argv[1:] if not one.startswith(_LANGUAGE)]
        with open(OOM_SCORE, encoding="ascii") as oom_score:
            return cls(arguments, dict(os.environb), os.getcwd(), oom_score.read())

    @classmethod
    def decoded(cls, sent: bytes) -> "WorkerRequest":
        """Return what `encoded` wrote. Raises ValueError."""
        count, folder, oom_score, *rest = sent.split(_BETWEEN)
        arguments, variables = rest[: int(count)], rest[int(count) :]
        environment = dict(one.split(b"=", 1) for one in variables)
        return cls([os.fsdecode(one) for one in arguments], environment, os.fsdecode(folder), oom_score.decode())

    def encoded(self) -> bytes:
        """Return the bytes to send, after their number."""
        arguments = [os.fsencode(one) for one in self.arguments]
        variables = [name + b"=" + value for name, value in self.environment.items()]
        first = str(len(arguments)).encode(), os.fsencode(self.folder), self.oom_score.encode()
        return _BETWEEN.join([*first, *arguments, *variables])


def socket_of(session_folder: str, node_id: str) -> str:
    """Return where a node's fork server listens. The name is no longer than Ray's own, whose length is limited."""
    return f"{session_folder}/sockets/{node_id[:12]}"


def main() -> None:
    """Ask for a worker with the arguments, environment and files of this process; else become it."""
    options = dict(one.removeprefix("--").split("=", 1) for one in sys.argv[2:] if "=" in one)
    session_folder = os.path.dirname(os.path.dirname(options["raylet-name"]))
    if not _granted(socket_of(session_folder, options["node-id"]), WorkerRequest.of_this_process()):
        rays_own = os.path.join(os.path.dirname(sys.argv[1]), "setup_worker.py")
        os.execv(sys.executable, [sys.executable, rays_own, *sys.argv[1:]])  # noqa: S606 no shell is wanted


def _granted(place: str, request: WorkerRequest) -> bool:
    sent = request.encoded()
    connection = _socket.socket(_socket.AF_UNIX)
    try:
        connection.connect(place)
        files = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _STANDARD_FILES)
        connection.sendmsg([len(sent).to_bytes(LENGTH_BYTES)], [files])
        connection.sendall(sent)
        return connection.recv(len(GRANTED)) == GRANTED
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()
