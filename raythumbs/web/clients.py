"""Finds out which client sent a request, for the limits that each client has."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

PEER_HEADER = "x-raythumbs-peer"  # HAProxy sets it to the TCP peer's address; it replaces a header that a client sends
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):\d+|\[(?P<v6>[^\]]+)\](:\d+)?")  # as some proxies write addresses
_IPV6_CLIENT_BITS = 64  # a provider gives each customer a /64 network


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Tells clients apart by address.

    Two headers are trusted, because a client cannot have written them: the peer's address from HAProxy
    (`behind_haproxy`), and `X-Forwarded-For` from a trusted proxy.
    """

    trusted_proxies: Sequence[IPv4Network | IPv6Network]
    behind_haproxy: bool

    def of(self, scope: Scope) -> str | None:
        """Return the client's address (for IPv6, its network), or None if it is unknown.

        It is unknown if a trusted peer names no client: a program on this machine, or a proxy that adds no header.
        """
        headers = Headers(scope=scope)
        peer = self._peer(scope, headers)
        if not self._is_trusted(peer):
            return _client(peer)
        hops = ",".join(headers.getlist("x-forwarded-for")).split(",")
        untrusted = (hop.strip() for hop in reversed(hops) if hop.strip() and not self._is_trusted(hop.strip()))
        hop = next(untrusted, None)
        return None if hop is None else _client(hop)

    def _peer(self, scope: Scope, headers: Headers) -> str:
        from_haproxy = headers.get(PEER_HEADER) if self.behind_haproxy else None
        host, _ = scope.get("client") or ("", 0)
        return from_haproxy or host

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = _parsed(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.trusted_proxies)


def _client(address: str) -> str:
    try:
        parsed = _parsed(address)
    except ValueError:
        return address[:64]  # not an address, but a proxy's own name for the client, which is as good
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_CLIENT_BITS), strict=False))
    return str(parsed)


def _parsed(address: str) -> IPv4Address | IPv6Address:
    bare = _WITH_PORT.fullmatch(address)
    parsed = ip_address(bare["v4"] or bare["v6"] if bare else address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
