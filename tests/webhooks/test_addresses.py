"""A webhook never goes to an address inside, in whichever form it is written."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as some

from raythumbs.webhooks.addresses import is_public
from raythumbs.webhooks.sending import resolved

INSIDE = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
    "240.0.0.0/4",
]  # fmt: skip
addresses_inside = some.sampled_from([IPv4Network(one) for one in INSIDE]).flatmap(
    lambda network: some.integers(int(network[0]), int(network[-1])).map(IPv4Address)
)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.0", "100.128.0.0", "2606:4700::1111",
                "2a00:1450:4001:82a::200e"],
)  # fmt: skip
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "127.0.0.1", "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "255.255.255.255",
     "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:169.254.169.254",
     "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1",
     "2a00::5efe:127.0.0.1", "2a00::200:5efe:10.0.0.1", "5f00::1", "", "localhost", "1.1.1", "1.1.1.1.1", "01.1.1.1"],
)  # fmt: skip
def test_everything_else_is_inside(address):
    assert not is_public(address)


@given(addresses_inside)
def test_an_address_inside_stays_inside_in_every_form_of_ipv6_that_contains_it(address):
    number = int(address)
    forms = {
        "mapped": 0xFFFF << 32 | number,
        "compatible": number,
        "6to4": 0x2002 << 112 | number << 80,
        "NAT64": 0x64FF9B << 96 | number,
        "local NAT64": 0x64FF9B0001 << 80 | number,
        "Teredo": 0x20010000 << 96 | 0x01010101 << 64 | (number ^ 0xFFFFFFFF),
        "ISATAP": 0x2A00_1450 << 96 | 0x5EFE << 32 | number,
        "ISATAP, unique": 0x2A00_1450 << 96 | 0x02005EFE << 32 | number,
    }

    assert [name for name, form in forms.items() if is_public(str(IPv6Address(form)))] == []


@given(addresses_inside)
def test_an_address_inside_stays_inside_however_its_number_is_written(address):
    number, parts = int(address), str(address).split(".")
    forms = [
        str(number), hex(number), f"0{number:o}",
        ".".join(f"0{int(part):o}" for part in parts), ".".join(map(hex, map(int, parts))),
        f"{parts[0]}.{number & 0xFFFFFF}", f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
    ]  # fmt: skip

    assert [one for form in forms for one in resolved(form, 443) if is_public(one)] == []


@given(some.ip_addresses())
def test_no_public_address_is_one_that_python_knows_to_be_special(address):
    if is_public(str(address)):
        known = ip_address(str(address))
        special = ("private", "loopback", "link_local", "multicast", "reserved", "unspecified")
        assert [kind for kind in special if getattr(known, f"is_{kind}")] == []
