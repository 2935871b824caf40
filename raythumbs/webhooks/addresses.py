"""Which IP addresses a webhook may be sent to: only those of the public internet.

An address inside would lead a webhook to what is closed to everybody else: the machine itself, its network, or the
service of the cloud that gives out credentials. The lists are our own, because the tables of Python's `ipaddress` were
wrong before 3.11.10 and 3.12.4 (CVE-2024-4032).

Source: IANA's registries of special-purpose addresses of IPv4 and IPv6 (RFC 6890).
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

_INSIDE_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",  # Azure's own service, which every machine there can reach
        ),
    )
)  # fmt: skip
_PUBLIC_IPV6 = IPv6Network("2000::/3")  # the only block that addresses of the internet are given out of (RFC 4291)
_INSIDE_IPV6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols, among them Teredo (2001::/32), which contains an address of IPv4
            "2001:db8::/32", "3fff::/20",  # for documents
            "2002::/16",  # 6to4, which contains an address of IPv4
        ),
    )
)  # fmt: skip
_ISATAP = 0x00005EFE  # before an address of IPv4 in the lower half (RFC 5214, section 6.1)
_ISATAP_MASK = 0xFCFFFFFF  # two bits say whether that address is unique and of a group


def is_public(address: str) -> bool:
    """Return whether an address, as a resolver returns it, is one of the public internet."""
    plain = address.partition("%")[0]  # without the name of an interface
    try:
        return _is_public_ipv6(IPv6Address(plain)) if ":" in plain else _is_public_ipv4(IPv4Address(plain))
    except AddressValueError:
        return False


def _is_public_ipv4(address: IPv4Address) -> bool:
    return not any(address in network for network in _INSIDE_IPV4)


def _is_public_ipv6(address: IPv6Address) -> bool:
    """Everything outside of 2000::/3 is inside: ::1, fc00::/7, fe80::/10, and the forms that contain an address of
    IPv4 (::ffff:0:0/96, 64:ff9b::/96)."""
    if address not in _PUBLIC_IPV6 or any(address in network for network in _INSIDE_IPV6):
        return False
    return int(address) >> 32 & _ISATAP_MASK != _ISATAP
