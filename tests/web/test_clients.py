from ipaddress import ip_network

import pytest

from raythumbs.web.clients import Clients

TRUSTED = tuple(map(ip_network, ("127.0.0.1", "::1", "10.0.0.0/8")))


def client(peer: str, *, behind_haproxy: bool = False, **headers: str) -> str | None:
    encoded = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "client": (peer, 1), "headers": encoded}
    return Clients(trusted_proxies=TRUSTED, behind_haproxy=behind_haproxy).of(scope)


def test_a_client_is_its_peer_address_whatever_headers_it_sends():
    assert client("192.0.2.1", x_forwarded_for="192.0.2.9", x_raythumbs_peer="192.0.2.8") == "192.0.2.1"


def test_behind_a_trusted_proxy_a_client_is_the_last_address_that_is_not_trusted():
    assert client("127.0.0.1", x_forwarded_for="192.0.2.9, 192.0.2.7, 10.0.0.3") == "192.0.2.7"


@pytest.mark.parametrize("forwarded", [{}, {"x_forwarded_for": ""}, {"x_forwarded_for": "127.0.0.1, 10.0.0.3"}])
def test_a_trusted_peer_that_names_no_client_is_an_unknown_client(forwarded):
    assert client("127.0.0.1", **forwarded) is None


def test_haproxy_names_the_peer():
    assert client("127.0.0.1", behind_haproxy=True, x_raythumbs_peer="192.0.2.1") == "192.0.2.1"
    assert (
        client("127.0.0.1", behind_haproxy=True, x_raythumbs_peer="127.0.0.1", x_forwarded_for="192.0.2.2")
        == "192.0.2.2"
    )


def test_an_ipv6_client_is_its_network():
    assert client("2001:db8::1") == client("2001:db8::ffff:2") == "2001:db8::/64"
    assert client("2001:db8:0:1::1") != client("2001:db8::1")
    assert client("::ffff:192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize("forwarded", ["192.0.2.1:5678", "[::ffff:192.0.2.1]:5678", "[::ffff:192.0.2.1]"])
def test_a_forwarded_port_does_not_change_the_client(forwarded):
    assert client("127.0.0.1", x_forwarded_for=forwarded) == "192.0.2.1"


@pytest.mark.parametrize("forwarded", ["\xff", "unknown", "x" * 10_000, "[::1", "1.2.3.4.5"])
def test_a_forwarded_name_that_is_no_address_is_a_client_too(forwarded):
    found = client("127.0.0.1", x_forwarded_for=forwarded)

    assert found
    assert len(found) <= 64
