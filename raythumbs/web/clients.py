"""Which client sends a request, as far as the limits of one client go."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

PEER_HEADER = "x-raythumbs-peer"  # what HAProxy tells of the TCP peer; it replaces one that a client sends
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):\d+|\[(?P<v6>[^\]]+)\](:\d+)?")  # as some proxies write it
_IPV6_CLIENT_BITS = 64  # what a provider gives to one customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """Tells clients apart by address.

    Headers are believed only where nobody else can have written them: the peer's address from HAProxy
    (`behind_haproxy`), and `X-Forwarded-For` from a trusted proxy.
    """

    trusted_proxies: Sequence[IPv4Network | IPv6Network]
    behind_haproxy: bool

    def of(self, scope: Scope) -> str | None:
        """Return the client's address (of IPv6 its network), or None if there is no telling clients apart.

        None means a trusted peer that names nobody else: a program on this machine, or a proxy that does not tell.
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
        told = headers.get(PEER_HEADER) if self.behind_haproxy else None
        host, _ = scope.get("client") or ("", 0)
        return told or host

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
        return address[:64]  # a name of the proxy's own; all the same it tells clients apart
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_CLIENT_BITS), strict=False))
    return str(parsed)


def _parsed(address: str) -> IPv4Address | IPv6Address:
    bare = _WITH_PORT.fullmatch(address)
    parsed = ip_address(bare["v4"] or bare["v6"] if bare else address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
