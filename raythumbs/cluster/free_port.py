"""A port that nobody listens on, for a process that will listen there a few seconds later."""

import random
import socket
from contextlib import suppress

# Above the ports that Ray gives its workers (10002 to 19999), below those of outgoing connections (Linux: from 32768).
_PORTS = (20000, 32768)
_TRIES = 100


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and that no outgoing connection takes meanwhile.

    Raises OSError if a hundred ports were taken.
    """
    for _ in range(_TRIES):
        port = random.randrange(*_PORTS)  # noqa: S311 it is no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"{_TRIES} ports between {_PORTS[0]} and {_PORTS[1]} are taken: end some of the programs that listen")
