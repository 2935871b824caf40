import socket

import pytest

from raythumbs.cluster.readiness import Systemd


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_hears_what_is_told(tmp_path, monkeypatch, is_abstract):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{tmp_path}/notify" if is_abstract else f"{tmp_path}/notify")
        monkeypatch.setenv("NOTIFY_SOCKET", f"{'@' if is_abstract else ''}{tmp_path}/notify")

        Systemd.of_environment().tell("READY=1", "STATUS=answering")

        assert systemd.recv(100) == b"READY=1\nSTATUS=answering"


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify"])
def test_without_systemd_nothing_happens(monkeypatch, address):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)

    Systemd.of_environment().tell("READY=1")
