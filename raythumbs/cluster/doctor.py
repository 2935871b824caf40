"""What a machine shows of the service that runs on it: who can reach which of its ports."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from raythumbs.settings.access import is_loopback

CONTROL_STORE = "gcs_server"
_OURS = ("ray::", "raylet", "gcs_server", "raythumbs", "haproxy", "ray/dashboard", "ray/_private")
_LOOPBACK, _OTHERS = "this machine only", "every machine that reaches this one"


@dataclass(frozen=True, slots=True, order=True)
class OpenPort:
    """A port that a process of Ray or of the service listens on."""

    address: str
    port: int
    process: str
    pid: int

    @property
    def where(self) -> str:
        """The address and the port, as people write them."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def is_of_ray(self) -> bool:
        """Whether the token of Ray should guard it: HAProxy's ports are the service's own."""
        return "haproxy" not in self.process.lower()

    @property
    def open_to(self) -> str:
        """Who can connect."""
        return _LOOPBACK if is_loopback(self.address) else _OTHERS

    @property
    def is_open_to_others(self) -> bool:
        """Whether other machines can connect, as far as no firewall keeps them out."""
        return self.open_to == _OTHERS


def open_ports() -> list[OpenPort]:
    """Return the ports of this user's processes of Ray and of the service, those that are open to others first."""
    found = (port for process in psutil.process_iter() for port in _ports(process))
    return sorted(found, key=lambda port: (port.open_to == _LOOPBACK, port))


def _ports(process: psutil.Process) -> Iterator[OpenPort]:
    try:
        title = " ".join(process.cmdline())
        if process.uids().real != os.getuid() or not any(name in title for name in _OURS):
            return
        connections = process.net_connections("tcp")
    except psutil.Error:  # it ended meanwhile
        return
    for one in connections:
        if one.status == psutil.CONN_LISTEN:
            yield OpenPort(one.laddr.ip.removeprefix("::ffff:"), one.laddr.port, _name(title), process.pid)


def _name(title: str) -> str:
    """Return what a process is called: Ray's titles as they are, else the program."""
    program = title.partition(" ")[0]
    return program if title.startswith("ray::") else program.rsplit("/", 1)[-1]
