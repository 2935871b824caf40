"""Tells systemd how a service of type `notify` is doing: sd_notify(3)."""

import os
import socket
from contextlib import suppress

_SOCKET = "NOTIFY_SOCKET"
_ABSTRACT = "@"


def tell_systemd(*lines: str) -> None:
    """Send these lines, as `READY=1`. Without systemd, which sets NOTIFY_SOCKET, do nothing.

    Nothing is raised: the service works without an audience.
    """
    address = os.environ.get(_SOCKET)
    if not address:
        return
    if address.startswith(_ABSTRACT):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto("\n".join(lines).encode(), address)
