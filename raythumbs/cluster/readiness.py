"""Tells systemd how a service of type `notify` is doing: sd_notify(3)."""

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

_ABSTRACT = "@"


@dataclass(frozen=True, slots=True)
class Systemd:
    """The socket on which systemd listens, or None if nobody does."""

    address: str | None

    @classmethod
    def of_environment(cls) -> Self:
        """Find it in NOTIFY_SOCKET. Call this first: a service of ours leaves its environment."""
        return cls(os.environ.get("NOTIFY_SOCKET") or None)

    def tell(self, *lines: str) -> None:
        """Send these lines, as `READY=1`. Nothing is raised: the service works without an audience."""
        if self.address is None:
            return
        address = "\0" + self.address[1:] if self.address.startswith(_ABSTRACT) else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto("\n".join(lines).encode(), address)
