"""Ports for processes that start to listen seconds later."""

import socket
from pathlib import Path

from raythumbs.cluster.free_port import free_port

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_no_outgoing_connection_takes_a_free_port_before_its_user_listens():
    first_of_outgoing = int(OUTGOING.read_text().split()[0])

    assert max(free_port() for _ in range(1000)) < first_of_outgoing


def test_a_port_on_which_somebody_listens_is_not_free(monkeypatch):
    port = free_port()
    choices = iter([port, port + 1])
    monkeypatch.setattr("random.randrange", lambda *_: next(choices))

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        assert free_port() == port + 1
