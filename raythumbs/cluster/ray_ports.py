"""Finds out whether a Ray lets strangers in: if it asks for no token, whoever reaches its ports can run programs."""

import sys
from collections.abc import Sequence

import grpc

from raythumbs.cluster.doctor import CONTROL_STORE, OpenPort, open_ports
from raythumbs.settings.access import is_loopback

_QUESTION = "/ray.rpc.NodeInfoGcsService/CheckAlive"  # of Ray's gcs_service.proto; the harmless one
_SECONDS = 3
_ADVICE = "start it with RAY_AUTH_MODE=token (`raythumbs env` prints all that a node needs), or close its ports"


def lets_strangers_in(address: str) -> bool:
    """Return whether the control store of the Ray at HOST:PORT answers without a token."""
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(_QUESTION)
        try:
            ask(b"", timeout=_SECONDS)
        except grpc.RpcError:
            return False
    return True


def warn_if_open(address: str) -> None:
    """Print one line if the Ray at the address asks for no token although other machines reach it."""
    host = address.rpartition(":")[0]
    if not lets_strangers_in(address):
        return
    if not is_loopback(host) or _reached_by_others(open_ports()):
        print(
            f"warning: the Ray at {address} asks for no token, and other machines reach it: {_ADVICE}", file=sys.stderr
        )


def open_rays(ports: Sequence[OpenPort]) -> str | None:
    """Return a warning if a Ray of this machine asks for no token although other machines reach it."""
    stores = [port for port in ports if port.process == CONTROL_STORE]
    if _reached_by_others(ports) and any(lets_strangers_in(_here(port)) for port in stores):
        return f"a Ray on this machine asks for no token, and other machines reach it: {_ADVICE}"
    return None


def _reached_by_others(ports: Sequence[OpenPort]) -> bool:
    return any(port.is_of_ray and port.is_open_to_others for port in ports)


def _here(port: OpenPort) -> str:
    """Return the port's address for a client on this machine."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104 compared, not bound
    return f"{everywhere[port.address]}:{port.port}" if port.address in everywhere else port.where
